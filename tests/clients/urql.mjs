// urql: `node urql.mjs URL KEY ORGANIZATION`.
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";

const [url, key, externalId] = process.argv.slice(2);

const client = new Client({
  url,
  exchanges: [cacheExchange, fetchExchange],
  fetchOptions: { headers: { Authorization: `Bearer ${key}` } },
  preferGetMethod: false,
});

async function done(operation) {
  const { data, error } = await operation.toPromise();
  if (error) throw error;
  return data;
}

const ORGANIZATION = gql`
  query Organization($externalId: String!) {
    viewer { user { externalId } }
    organizationByExternalId(externalId: $externalId) { id }
  }
`;

const CREATE_TEAM = gql`
  mutation CreateTeam($input: TeamCreateInput!) {
    teamCreate(input: $input) { team { id name } errors { code message path } }
  }
`;

const TEAMS = gql`
  query Teams($organizationId: ID!, $after: String) {
    organization(id: $organizationId) {
      id
      teams(first: 2, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
    }
  }
`;

const asked = await done(client.query(ORGANIZATION, { externalId }));
const organizationId = asked.organizationByExternalId.id;
const made = await done(client.mutation(CREATE_TEAM, { input: { organizationId, name: "Cleo's" } }));

const pages = [];
let info = { hasNextPage: true };
while (info.hasNextPage) {
  const { organization } = await done(
    client.query(TEAMS, { organizationId, after: info.endCursor }),
  );
  pages.push(organization.teams.nodes.map(({ name }) => name));
  info = organization.teams.pageInfo;
}

console.log(
  JSON.stringify({
    viewer: asked.viewer.user.externalId,
    created: made.teamCreate.team.name,
    pages,
    more: info.hasNextPage,
  }),
);
