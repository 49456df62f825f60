// graphql-codegen on the printed schema, then tsc, then what came out: `node codegen/main.mjs URL KEY ORGANIZATION`.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const cwd = fileURLToPath(new URL(".", import.meta.url));
const tool = (path, ...given) =>
  execFileSync(process.execPath, [`../node_modules/${path}`, ...given], { cwd, stdio: ["ignore", 2, 2] });

tool("@graphql-codegen/cli/cjs/bin.js", "--config", "codegen.json");
tool("typescript/bin/tsc", "--project", ".");

const { main } = await import("./generated/js/main.js");
console.log(JSON.stringify(await main(...process.argv.slice(2))));
