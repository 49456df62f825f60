// Mercurius on Bursar's tables: jit as its manual says (https://mercurius.dev/#/docs/api/options), and
// npm's dataloader, made for each request in the context (https://mercurius.dev/#/docs/context).
// With JOINS=1 members come with users and budgets, and teams with theirs, by one statement a level.
import DataLoader from 'dataloader'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import pg from 'pg'

const schema = `
  scalar BigInt
  scalar DateTime
  scalar Decimal
  enum TeamRole { ADMIN MEMBER }
  type Budget { maxBudget: Decimal duration: String tpmLimit: BigInt rpmLimit: BigInt }
  type User { id: ID! name: String! email: String }
  type ApiKey { id: ID! alias: String lastFour: String! blocked: Boolean! createdAt: DateTime! }
  type TeamMember { id: ID! role: TeamRole! user: User! budget: Budget }
  type Team {
    id: ID! name: String! externalId: String description: String blocked: Boolean! version: Int!
    createdAt: DateTime! updatedAt: DateTime! budget: Budget organization: Organization!
    members(first: Int!): [TeamMember!]! apiKeys(first: Int!): [ApiKey!]!
  }
  type PageInfo { endCursor: String }
  type TeamConnection { nodes: [Team!]! pageInfo: PageInfo! totalCount: Int! }
  type Organization { id: ID! name: String! teams(first: Int!): TeamConnection! }
  type Query {
    team(id: ID!): Team
    teams(first: Int!, after: String): TeamConnection!
    viewerTeams(userId: ID!, first: Int!): [Team!]!
    organization(id: ID!): Organization
  }
  type Mutation { teamMemberAdd(teamId: ID!, userId: ID!): TeamMember! }
`

// Times are passed on as PostgreSQL writes them: Date objects cost more and lose digits.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text)
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_SIZE)
})

// A name makes pg prepare the statement once a connection.
async function rows (name, text, values) {
  return (await pool.query({ name, text, values })).rows
}

const columns = (...names) => names.map((name) => {
  const camel = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
  return camel === name ? `it.${name}` : `it.${name} AS "${camel}"`
}).join(', ')
const BUDGET = columns('max_budget', 'duration', 'tpm_limit', 'rpm_limit')
const KEY = columns('id', 'alias', 'last_four', 'blocked', 'created_at')
const TEAM = columns('id', 'name', 'external_id', 'description', 'blocked', 'version',
  'created_at', 'updated_at', 'organization_id', 'name_key')
const UNDER = (table, selected) => `
  SELECT it.* FROM unnest($1::text[]) parent(id), LATERAL (
    SELECT it.team_id AS under, ${selected} FROM ${table} it
    WHERE it.team_id = parent.id ORDER BY it.id LIMIT $2
  ) it`

// Loaders of one row for each key, and of a list for each: a statement for all of a level.
const one = (name, text) => new DataLoader(async (keys) => {
  const found = new Map()
  for (const row of await rows(name, text, [keys])) found.set(row.key, row)
  return keys.map((key) => found.get(key) ?? null)
})
const many = (name, text, first) => new DataLoader(async (keys) => {
  const found = new Map(keys.map((key) => [key, []]))
  for (const row of await rows(name, text, [keys, first])) found.get(row.under).push(row)
  return keys.map((key) => found.get(key))
})
const budgetOf = (owner) => one(`budget_${owner}`,
  `SELECT ${owner} AS key, ${BUDGET} FROM budgets it WHERE ${owner} = ANY($1)`)

class Loaders {
  get organization () {
    this.organizations ??= one('organizations',
      'SELECT id AS key, id, name FROM organizations WHERE id = ANY($1)')
    return this.organizations
  }

  get user () {
    this.users ??= one('users', 'SELECT id AS key, id, name, email FROM users WHERE id = ANY($1)')
    return this.users
  }

  get teamBudget () {
    this.teamBudgets ??= budgetOf('team_id')
    return this.teamBudgets
  }

  get memberBudget () {
    this.memberBudgets ??= budgetOf('team_member_id')
    return this.memberBudgets
  }

  get defaultBudget () {
    this.defaultBudgets ??= budgetOf('default_of_team_id')
    return this.defaultBudgets
  }

  members (first) {
    this.memberLists ??= many('members', UNDER('team_members', columns('id', 'role', 'user_id')), first)
    return this.memberLists
  }

  keys (first) {
    this.keyLists ??= many('keys', UNDER('api_keys', KEY), first)
    return this.keyLists
  }

  joinedMembers (first) {
    this.joinedLists ??= new DataLoader(async (keys) => {
      const found = new Map(keys.map((key) => [key, []]))
      const { rows } = await pool.query({ ...JOINED_MEMBERS, values: [keys, first] })
      for (const row of rows) {
        const [under, id, role, userId, name, email] = row
        const [budgetId, maxBudget, rpmLimit] = row[6] === null ? row.slice(9) : row.slice(6)
        found.get(under).push({
          id,
          role,
          user: { id: userId, name, email },
          budget: budgetId === null ? null : { maxBudget, rpmLimit }
        })
      }
      return keys.map((key) => found.get(key))
    })
    return this.joinedLists
  }
}

// The default of a team is looked up once a team: as a part of the members' join it cost PostgreSQL
// thrice as much.
const JOINED_MEMBERS = {
  name: 'joined_members',
  rowMode: 'array',
  text: `
    SELECT parent.id, it.id, it.role, users.id, users.name, users.email,
      own.id, own.max_budget, own.rpm_limit,
      standard.id, standard.max_budget, standard.rpm_limit
    FROM unnest($1::text[]) parent(id)
    LEFT JOIN budgets standard ON standard.default_of_team_id = parent.id
    CROSS JOIN LATERAL (
      SELECT id, user_id, role FROM team_members
      WHERE team_id = parent.id ORDER BY id LIMIT $2
    ) it
    JOIN users ON users.id = it.user_id
    LEFT JOIN budgets own ON own.team_member_id = it.id
    ORDER BY it.id`
}

// Teams with organization and budget by one statement: their objects are made from its columns.
const JOINED_TEAM = `${TEAM}, organization.name AS "organizationName", budget.id AS "budgetId",
  ${BUDGET.replaceAll('it.', 'budget.')}`
const JOINED_TO = `JOIN organizations organization ON organization.id = it.organization_id
  LEFT JOIN budgets budget ON budget.team_id = it.id`
// Found before they are sorted, as by Bursar: else PostgreSQL walks all teams in the order of names.
const OF_VIEWER = `(SELECT * FROM teams WHERE id = ANY (ARRAY(
  SELECT id FROM teams
  WHERE id = ANY (ARRAY(SELECT team_id FROM team_members WHERE user_id = $1))
     OR organization_id = ANY (ARRAY(
       SELECT organization_id FROM organization_members
       WHERE user_id = $1 AND role IN ('ADMIN', 'VIEWER'))))) OFFSET 0)`
const ORDER = 'ORDER BY it.name_key, it.id LIMIT $2'
const joins = process.env.JOINS === '1'
const teamsOf = (source) => joins
  ? `SELECT ${JOINED_TEAM} FROM ${source} it ${JOINED_TO}`
  : `SELECT ${TEAM} FROM ${source} it`

const cursorOf = (row) => JSON.stringify([row.nameKey, row.id])
const ADD_MEMBER = `
  WITH added AS (
    INSERT INTO team_members (id, team_id, user_id, role)
    VALUES ('member_' || gen_random_uuid(), $1, $2, 'MEMBER') RETURNING *
  ), told AS (
    INSERT INTO peers.audit_entries (id, action, object_id, organization_id, team_id, after)
    SELECT 'audit_' || gen_random_uuid(), 'team_member.add', added.id, teams.organization_id,
      teams.id, jsonb_build_object('id', added.id, 'userId', $2, 'role', added.role)
    FROM added JOIN teams ON teams.id = added.team_id
  )
  SELECT id, role, user_id AS "userId", team_id AS under FROM added`

const resolvers = {
  Query: {
    team: async (_, { id }) =>
      (await rows('team', `SELECT ${TEAM} FROM teams it WHERE it.id = $1`, [id]))[0] ?? null,
    teams: async (_, { first, after }) => {
      const [name, id] = after ? JSON.parse(after) : ['', '']
      const nodes = await rows('teams', `SELECT ${TEAM} FROM teams it
        WHERE (it.name_key, it.id) > ($1, $3) ${ORDER}`, [name, first, id])
      return { nodes }
    },
    viewerTeams: (_, { userId, first }) =>
      rows('viewer_teams', `${teamsOf(OF_VIEWER)} ${ORDER}`, [userId, first]),
    organization: (_, { id }, { loaders }) => loaders.organization.load(id)
  },
  Mutation: {
    teamMemberAdd: async (_, { teamId, userId }) =>
      (await rows('add_member', ADD_MEMBER, [teamId, userId]))[0]
  },
  Organization: {
    teams: async ({ id }, { first }) => {
      const [nodes, [{ count }]] = await Promise.all([
        rows('organization_teams', `${teamsOf('teams')} WHERE it.organization_id = $1 ${ORDER}`, [id, first]),
        rows('count', 'SELECT count(*)::int FROM teams WHERE organization_id = $1', [id])
      ])
      return { nodes, totalCount: count }
    }
  },
  TeamConnection: {
    pageInfo: ({ nodes }) => ({ endCursor: nodes.length ? cursorOf(nodes.at(-1)) : null })
  },
  Team: joins
    ? {
        organization: (team) => ({ id: team.organizationId, name: team.organizationName }),
        budget: (team) => team.budgetId === null ? null : team,
        members: (team, { first }, { loaders }) => loaders.joinedMembers(first).load(team.id),
        apiKeys: (team, { first }, { loaders }) => loaders.keys(first).load(team.id)
      }
    : {
        organization: (team, _, { loaders }) => loaders.organization.load(team.organizationId),
        budget: (team, _, { loaders }) => loaders.teamBudget.load(team.id),
        members: (team, { first }, { loaders }) => loaders.members(first).load(team.id),
        apiKeys: (team, { first }, { loaders }) => loaders.keys(first).load(team.id)
      },
  TeamMember: {
    user: (member, _, { loaders }) => member.user ?? loaders.user.load(member.userId),
    ...(!joins && {
      budget: async (member, _, { loaders }) => {
        const [own, otherwise] = await Promise.all([
          loaders.memberBudget.load(member.id), loaders.defaultBudget.load(member.under)
        ])
        return own ?? otherwise
      }
    })
  }
}

const app = Fastify({ logger: false })
app.register(mercurius, {
  schema,
  resolvers,
  jit: 1,
  context: () => ({ loaders: new Loaders() })
})
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
