// The form that takes an API key and tries it before GraphiQL opens.
import { useState } from "react";
import { post } from "./client.js";

export function KeyPrompt({ refusal, onAccepted }) {
  const [problem, setProblem] = useState(refusal);
  const [trying, setTrying] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const key = new FormData(event.currentTarget).get("key").trim();
    setTrying(true);
    setProblem(null);
    try {
      await post(key, { query: "{ __typename }" });
      onAccepted(key);
    } catch (error) {
      setProblem(error.message);
      setTrying(false);
    }
  }

  return (
    <main className="prompt">
      <form onSubmit={submit}>
        <h1>Bursar</h1>
        <p>Every document runs as somebody, introspection included. Whose key shall GraphiQL use?</p>
        <label htmlFor="key">Paste a Bursar API key</label>
        <input
          id="key"
          name="key"
          type="password"
          placeholder="bk_…"
          autoComplete="off"
          spellCheck="false"
          autoFocus
          required
          pattern=".*\S.*"
          aria-invalid={problem !== null}
          aria-describedby="problem"
          onChange={() => setProblem(null)}
        />
        <p id="problem" className="problem" role="alert">{problem}</p>
        <button disabled={trying}>{trying ? "Trying the key…" : "Open GraphiQL"}</button>
        <p className="note">
          The key stays in this tab and is forgotten when you close it. <code>bursar serve</code> prints
          the first admin key; <code>bursar admin-key new</code> makes another.
        </p>
      </form>
    </main>
  );
}
