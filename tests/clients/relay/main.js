// relay-compiler on the printed schema, then relay-runtime: `node relay/main.js URL KEY ORGANIZATION`.
const { execFileSync } = require("node:child_process");
const runtime = require("relay-runtime");

const [url, key, externalId] = process.argv.slice(2);

const compiler = require.resolve("relay-compiler/cli.js");
execFileSync(process.execPath, [compiler], { cwd: __dirname, stdio: ["ignore", 2, 2] });

const compiled = (name) => require(`./__generated__/${name}.graphql.js`);
const ORGANIZATION = compiled("documentsOrganizationQuery");
const CREATE_TEAM = compiled("documentsCreateTeamMutation");
const TEAMS = compiled("documentsTeams_organization");
const MORE_TEAMS = compiled("documentsTeamsPaginationQuery");

async function send({ text }, variables) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ query: text, variables }),
  });
  return answer.json();
}

const environment = new runtime.Environment({
  network: runtime.Network.create(send),
  store: new runtime.Store(new runtime.RecordSource()),
});
const query = (request, variables) =>
  runtime.fetchQuery(environment, request, variables, { networkCacheConfig: { force: true } }).toPromise();
const mutate = (mutation, variables) =>
  new Promise((onCompleted, onError) => {
    runtime.commitMutation(environment, { mutation, variables, onCompleted, onError });
  });

async function main() {
  const asked = await query(ORGANIZATION, { externalId });
  const { id } = asked.organizationByExternalId;
  const made = await mutate(CREATE_TEAM, { input: { organizationId: id, name: "Cleo's" } });

  // The list as the store holds it: all pages that were fetched, in one.
  const list = () => {
    const fragment = runtime.getSingularSelector(TEAMS, asked.organizationByExternalId);
    return environment.lookup(fragment).data.teams;
  };
  await query(MORE_TEAMS, { id, count: 2, cursor: null });
  const first = list();
  await query(MORE_TEAMS, { id, count: 2, cursor: first.pageInfo.endCursor });
  const whole = list();

  const names = (edges) => edges.map(({ node }) => node.name);
  console.log(
    JSON.stringify({
      viewer: asked.viewer.user.externalId,
      created: made.teamCreate.team.name,
      pages: [names(first.edges), names(whole.edges.slice(first.edges.length))],
      more: whole.pageInfo.hasNextPage,
    }),
  );
}

main();
