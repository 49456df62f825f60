// A program whose documents graphql-codegen types: a field that the schema lacks does not compile.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { graphql } from "./generated/gql.js";
import type { TeamsQuery } from "./generated/graphql.js";

export interface Found {
  viewer: string | null;
  created: string | undefined;
  pages: string[][];
  more: boolean;
}

const ORGANIZATION = graphql(`
  query Organization($externalId: String!) {
    viewer { user { externalId } }
    organizationByExternalId(externalId: $externalId) { id }
  }
`);

const CREATE_TEAM = graphql(`
  mutation CreateTeam($input: TeamCreateInput!) {
    teamCreate(input: $input) { team { id name } errors { code message path } }
  }
`);

const TEAMS = graphql(`
  query Teams($organizationId: ID!, $after: String) {
    organization(id: $organizationId) {
      teams(first: 2, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
    }
  }
`);

export async function main(url: string, key: string, externalId: string): Promise<Found> {
  async function ask<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    const answer = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ query: print(document), variables }),
    });
    return ((await answer.json()) as { data: Data }).data;
  }

  const asked = await ask(ORGANIZATION, { externalId });
  const organizationId = asked.organizationByExternalId!.id;
  const budget = { maxBudget: "12.5", rpmLimit: 600 };
  const made = await ask(CREATE_TEAM, { input: { organizationId, name: "Cleo's", budget } });

  const pages: string[][] = [];
  let after: string | null = null;
  let more = true;
  while (more) {
    const answer: TeamsQuery = await ask(TEAMS, { organizationId, after });
    const { nodes, pageInfo } = answer.organization!.teams;
    pages.push(nodes.map(({ name }) => name));
    after = pageInfo.endCursor;
    more = pageInfo.hasNextPage;
  }
  return {
    viewer: asked.viewer.user!.externalId,
    created: made.teamCreate.team?.name,
    pages,
    more,
  };
}
