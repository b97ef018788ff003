/** The API page: every route of the server's OpenAPI document, with its schemas and an example. */
import { prefixOf } from "../api/base";
import { grouped, type ApiDocument, type Content, type Route } from "./document";
import { command, example } from "./example";
import { Field, Fields } from "./SchemaView";

export function ApiPage({ document }: { document: ApiDocument }) {
  const groups = [...grouped(document)];
  return (
    <div class="docs">
      <nav aria-label="Routes">
        <a class="home" href="./">
          Darkroom
        </a>
        {groups.map(([tag, routes]) => (
          <section key={tag}>
            <h2>{tag}</h2>
            {routes.map(({ method, path, operation }) => (
              <a key={operation.operationId} href={`#${operation.operationId}`}>
                <span class={`method ${method.toLowerCase()}`}>{method}</span> {path}
              </a>
            ))}
          </section>
        ))}
      </nav>
      <main>
        <h1>
          HTTP API <small>{document.info.version}</small>
        </h1>
        <p>
          <a href="openapi.json">openapi.json</a> says the same for programs.
        </p>
        {groups.flatMap(([, routes]) =>
          routes.map((route) => <RouteView key={route.operation.operationId} {...{ route, document }} />),
        )}
      </main>
    </div>
  );
}

function RouteView({ route, document }: { route: Route; document: ApiDocument }) {
  const { method, path, operation } = route;
  const base = `${location.origin}${prefixOf(location.pathname)}`;
  return (
    <article id={operation.operationId}>
      <h2>
        <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>
      </h2>
      {(operation.description ?? operation.summary ?? "").split("\n\n").map((part) => (
        <p key={part}>{part}</p>
      ))}
      <pre>{command(route, document, base)}</pre>
      {operation.parameters && (
        <>
          <h3>Parameters</h3>
          <ul class="schema">
            {operation.parameters.map((each) => (
              <Field
                key={each.in + each.name}
                name={`${each.name} (${each.in})`}
                schema={{ ...each.schema, ...(each.description ? { description: each.description } : {}) }}
                required={each.required ?? false}
                document={document}
              />
            ))}
          </ul>
        </>
      )}
      {operation.requestBody && (
        <>
          <h3>Body</h3>
          <Contents content={operation.requestBody.content} document={document} />
        </>
      )}
      <h3>Answers</h3>
      {Object.entries(operation.responses).map(([status, answer]) => (
        <details key={status} class="answer">
          <summary>
            <b class={Number(status) < 400 ? "good" : "bad"}>{status}</b> {answer.description}
          </summary>
          {answer.content && <Contents content={answer.content} document={document} withExample />}
        </details>
      ))}
    </article>
  );
}

interface ContentsProps {
  content: Content;
  document: ApiDocument;
  withExample?: boolean;
}

function Contents({ content, document, withExample = false }: ContentsProps) {
  return (
    <>
      {Object.entries(content).map(([mediaType, { schema }]) => (
        <div class="content" key={mediaType}>
          <p class="media">{mediaType}</p>
          {schema && <Fields schema={schema} document={document} />}
          {schema && withExample && mediaType.includes("json") && (
            <details>
              <summary>Example</summary>
              <pre>{JSON.stringify(example(schema, document), null, 2)}</pre>
            </details>
          )}
        </div>
      ))}
    </>
  );
}
