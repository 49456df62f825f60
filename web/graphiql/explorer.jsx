// GraphiQL, sending the API key with every request; a refused key leads back to the prompt.
import "graphiql/setup-workers/vite";
import "./explorer.css";
import { GraphiQL } from "graphiql";
import { useMemo } from "react";
import { KeyRefused, post } from "./client.js";

const FIRST_QUERY = `# Who am I, and what may I do here?
{
  viewer {
    user {
      id
      name
    }
    platformRole
  }
}
`;

export default function Explorer({ apiKey, onForget }) {
  const fetcher = useMemo(
    () => async (request, { headers } = {}) => {
      try {
        return await post(apiKey, request, headers);
      } catch (error) {
        if (error instanceof KeyRefused) onForget(error.message);
        throw error;
      }
    },
    [apiKey, onForget],
  );
  return (
    <GraphiQL fetcher={fetcher} defaultQuery={FIRST_QUERY} shouldPersistHeaders={false}>
      <GraphiQL.Logo>
        <span className="brand">Bursar</span>
        <button type="button" className="change-key" onClick={() => onForget()}>
          Change key
        </button>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}
