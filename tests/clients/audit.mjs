// Runs graphql-http's whole server audit: `node audit.mjs URL KEY`. Errors and warnings fail it, notices do not.
import { serverAudits } from "graphql-http";

const [url, key] = process.argv.slice(2);
if (!url || !key) {
  console.error("usage: node audit.mjs URL KEY");
  process.exit(2);
}

const signedIn = (address, init) =>
  fetch(address, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${key}` } });

const counts = { ok: 0, notice: 0, warn: 0, error: 0 };

for (const { id, name, fn } of serverAudits({ url, fetchFn: signedIn })) {
  // An audit throws where it got no answer to judge, such as a refused connection.
  const { status, reason } = await fn().catch((fault) => ({ status: "error", reason: String(fault) }));
  counts[status] += 1;
  if (status !== "ok") console.log(`${status} ${id} ${name}: ${reason}`);
}

console.log(JSON.stringify(counts));
process.exitCode = counts.warn + counts.error > 0 ? 1 : 0;
