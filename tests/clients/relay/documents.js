// What relay-compiler reads: for each it writes a module, which main.js runs.
import { graphql } from "relay-runtime";

graphql`
  query documentsOrganizationQuery($externalId: String!) {
    viewer { user { externalId } }
    organizationByExternalId(externalId: $externalId) {
      id
      ...documentsTeams_organization
    }
  }
`;

graphql`
  mutation documentsCreateTeamMutation($input: TeamCreateInput!) {
    teamCreate(input: $input) { team { id name } errors { code message path } }
  }
`;

// Refetchable by the organization's id, so this leans on Node and on the root field `node`.
graphql`
  fragment documentsTeams_organization on Organization
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "documentsTeamsPaginationQuery") {
    teams(first: $count, after: $cursor) @connection(key: "documentsTeams_teams") {
      edges { node { id name } }
    }
  }
`;
