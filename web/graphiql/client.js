// Posts one GraphQL request to the address of this page, signed with an API key.
export async function post(key, request, headers) {
  const response = await fetch(location.pathname, {
    method: "POST",
    credentials: "omit",
    headers: {
      ...headers,
      Accept: "application/graphql-response+json",
      "Content-Type": "application/json",
      Authorization: `Bearer ${key}`,
    },
    body: JSON.stringify(request),
  });
  if (response.status === 401) throw new KeyRefused();
  if (!/json/.test(response.headers.get("Content-Type"))) {
    throw new Error(`The server answered ${response.status} ${response.statusText}`);
  }
  return response.json();
}

export class KeyRefused extends Error {
  constructor() {
    super("The server does not accept this key. It may be mistyped, blocked or deleted.");
  }
}
