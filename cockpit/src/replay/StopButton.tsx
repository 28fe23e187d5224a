import { useState } from "react";
import { client } from "../graphql/client";
import { failureOf } from "../graphql/failure";
import { Button } from "../ui/Button";
import { CancelReplay } from "./documents";

/** Ends a session now; its run, if it began, ends as cancelled. */
export function StopButton({ session }: { session: string }) {
  const [state, setState] = useState<"idle" | "stopping" | string>("idle");
  const stop = () => {
    setState("stopping");
    void client
      .mutation(CancelReplay, { session })
      .toPromise()
      .then(({ error }) => setState(error ? failureOf(error).message : "stopping"));
  };
  return (
    <>
      <Button disabled={state === "stopping"} onPress={stop}>
        {state === "stopping" ? "stopping…" : "Stop"}
      </Button>
      {state === "idle" || state === "stopping" ? null : <span role="alert">{state}</span>}
    </>
  );
}
