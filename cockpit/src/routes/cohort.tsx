import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Page } from "../cohort/Page";

/** `/cohort/RUN`: runs like this one against it. */
export function CohortRoute() {
  const { run } = useParams({ from: "/cohort/$run" });
  const { q } = useSearch({ from: "/cohort/$run" });
  const navigate = useNavigate({ from: "/cohort/$run" });
  return (
    <Page
      key={run}
      base={run}
      line={q}
      onLine={(line) => void navigate({ search: { q: line || undefined }, replace: true })}
    />
  );
}
