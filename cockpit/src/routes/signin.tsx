import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { setToken } from "../auth";
import { Button } from "../ui/Button";
import styles from "./signin.module.css";

/** Asks for an access token, keeps it for this tab and returns to where the reader was. */
export function SignInRoute() {
  const { to } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  const [value, setValue] = useState("");
  const enter = () => {
    setToken(value.trim());
    void navigate({ href: to?.startsWith("/") && !to.startsWith("//") ? to : "/runs" });
  };
  return (
    <main className={styles.page}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          enter();
        }}
      >
        <h1>Sign in to Forkpoint</h1>
        <label>
          Access token
          <input
            type="password"
            autoComplete="off"
            placeholder="fp_…"
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        </label>
        <p>Kept for this tab only. Make one with</p>
        <code>forkpoint token create</code>
        <Button tone="accent" disabled={value.trim() === ""} onPress={enter}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
