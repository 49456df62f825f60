// Asks for an API key, then opens GraphiQL with it: Bursar runs no document without one.
import { lazy, StrictMode, Suspense, useCallback, useState } from "react";
import { createRoot } from "react-dom/client";
import { KeyPrompt } from "./key-prompt.jsx";
import "./page.css";

const Explorer = lazy(() => import("./explorer.jsx"));

const STORED = "bursar-api-key";

function Page() {
  const [key, setKey] = useState(() => sessionStorage.getItem(STORED));
  const [refusal, setRefusal] = useState(null);

  const open = useCallback((accepted) => {
    sessionStorage.setItem(STORED, accepted);
    setRefusal(null);
    setKey(accepted);
  }, []);
  const forget = useCallback((reason = null) => {
    sessionStorage.removeItem(STORED);
    setRefusal(reason);
    setKey(null);
  }, []);

  if (!key) return <KeyPrompt refusal={refusal} onAccepted={open} />;
  return (
    <Suspense fallback={<p className="loading">Opening GraphiQL…</p>}>
      <Explorer apiKey={key} onForget={forget} />
    </Suspense>
  );
}

createRoot(document.getElementById("page")).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
