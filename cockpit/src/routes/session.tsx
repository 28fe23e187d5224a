import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { SessionPage } from "../replay/SessionPage";
import { useSession } from "../replay/useSession";
import { Frame } from "../ui/Frame";
import { Empty, Failed, Skeleton } from "../ui/State";

/** `/replays/:session`: until there is a run, then on to it. */
export function SessionRoute() {
  const { session: id } = useParams({ from: "/replays/$session" });
  const search = useSearch({ from: "/replays/$session" });
  const { session, failure, loading } = useSession(id);
  const navigate = useNavigate();
  const others = search.with?.split(".").filter(Boolean) ?? [];
  const runs = session?.state === "RUNNING" || Boolean(session?.verdict);
  const target = session && runs && others.length === 0 ? session : null;
  useEffect(() => {
    if (!target) return;
    void navigate({
      to: "/runs/$run",
      params: { run: target.newRunId },
      search: { base: target.runId, follow: 1 },
      replace: true,
    });
  }, [navigate, target]);
  return (
    <Frame crumbs={<h1>Replay</h1>} status={null}>
      {session ? (
        <SessionPage session={session} others={others} />
      ) : failure ? (
        <Failed failure={failure} onRetry={() => window.location.reload()} />
      ) : loading ? (
        <Skeleton rows={6} label="Loading session" />
      ) : (
        <Empty
          title="There is no such replay"
          text="It was deleted, belongs to another project, or the address is wrong."
        />
      )}
    </Frame>
  );
}
