// Apollo Client with its normalized cache and its pagination for Relay connections: `node apollo.mjs URL KEY ORGANIZATION`.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";

const [uri, key, externalId] = process.argv.slice(2);

const client = new ApolloClient({
  link: new HttpLink({ uri, headers: { Authorization: `Bearer ${key}` } }),
  cache: new InMemoryCache({
    typePolicies: { Organization: { fields: { teams: relayStylePagination() } } },
  }),
});

const { data: asked } = await client.query({
  query: gql`
    query Organization($externalId: String!) {
      viewer { user { externalId } }
      organizationByExternalId(externalId: $externalId) { id }
    }
  `,
  variables: { externalId },
});
const organizationId = asked.organizationByExternalId.id;

const { data: made } = await client.mutate({
  mutation: gql`
    mutation CreateTeam($input: TeamCreateInput!) {
      teamCreate(input: $input) { team { id name } errors { code message path } }
    }
  `,
  variables: { input: { organizationId, name: "Cleo's" } },
});

const TEAMS = gql`
  query Teams($externalId: String!, $after: String) {
    organizationByExternalId(externalId: $externalId) {
      id
      teams(first: 2, after: $after) {
        edges { cursor node { id name } }
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      }
    }
  }
`;

const list = client.watchQuery({ query: TEAMS, variables: { externalId } });
const { data: page } = await list.refetch();
const first = page.organizationByExternalId.teams;
await list.fetchMore({ variables: { after: first.pageInfo.endCursor } });
// The list as the cache now holds it: what was there and what was fetched, in one.
const held = client.readQuery({ query: TEAMS, variables: { externalId } });
const whole = held.organizationByExternalId.teams;

const names = (edges) => edges.map(({ node }) => node.name);
console.log(
  JSON.stringify({
    viewer: asked.viewer.user.externalId,
    created: made.teamCreate.team.name,
    pages: [names(first.edges), names(whole.edges.slice(first.edges.length))],
    more: whole.pageInfo.hasNextPage,
  }),
);
