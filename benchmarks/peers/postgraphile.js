// PostGraphile 5 on Bursar's tables: the Amber preset as a library, by the pages "Library usage"
// (https://postgraphile.org/postgraphile/5/usage-library) and "Production considerations"
// (https://postgraphile.org/postgraphile/5/production): GRAPHILE_ENV=production comes from outside,
// and the time-out of statements is set once a connection.
import { createServer } from 'node:http'
import pg from 'pg'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_SIZE),
  statement_timeout: 5000
})
pool.on('error', () => {})

const preset = {
  extends: [PostGraphileAmberPreset],
  // It takes relations away that have a partial index alone, as those to budgets.
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [makePgService({ pool, schemas: ['public', 'peers'] })],
  // Lists without edges beside connections, as "Connections" says.
  schema: { defaultBehavior: '+list +connection' },
  grafserv: { graphiql: false, watch: false, graphqlPath: '/graphql' },
  grafast: { explain: false }
}

const server = createServer()
await postgraphile(preset).createServ(grafserv).addTo(server)
server.listen(Number(process.env.PORT), '127.0.0.1')
