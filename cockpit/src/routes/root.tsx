import { Outlet, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { Help } from "../commands/Help";
import { Palette } from "../commands/Palette";
import { listenForKeys, useCommands } from "../commands/registry";
import { Frame } from "../ui/Frame";
import { cyclePreference } from "../ui/preferences";
import { Empty } from "../ui/State";

/** What every page shares: keys, palette, help sheet. */
export function Root() {
  const navigate = useNavigate();
  const [sheet, setSheet] = useState<"palette" | "help" | null>(null);
  useEffect(listenForKeys, []);
  useEffect(() => {
    const open = () => setSheet("palette");
    window.addEventListener("forkpoint:palette", open);
    return () => window.removeEventListener("forkpoint:palette", open);
  }, []);
  useCommands([
    {
      id: "palette",
      group: "Everywhere",
      title: "Commands",
      keys: ["Mod+k"],
      run: () => setSheet("palette"),
    },
    {
      id: "help",
      group: "Everywhere",
      title: "Keyboard help",
      keys: ["?"],
      run: () => setSheet("help"),
    },
    {
      id: "go.runs",
      group: "Everywhere",
      title: "Go to runs",
      keys: ["g r"],
      run: () => void navigate({ to: "/runs", search: {} }),
    },
    {
      id: "copy.link",
      group: "Everywhere",
      title: "Copy a link to what is shown",
      keys: ["y"],
      run: () => void navigator.clipboard.writeText(window.location.href),
    },
    {
      id: "theme",
      group: "Display",
      title: "Next theme",
      keys: [],
      run: () => void cyclePreference("theme"),
    },
    {
      id: "density",
      group: "Display",
      title: "Next density",
      keys: [],
      run: () => void cyclePreference("density"),
    },
    {
      id: "single-keys",
      group: "Display",
      title: "Turn single-key commands on or off",
      keys: [],
      run: () => void cyclePreference("singleKeys"),
    },
  ]);
  return (
    <>
      <Outlet />
      {sheet === "palette" ? <Palette onClose={() => setSheet(null)} /> : null}
      {sheet === "help" ? <Help onClose={() => setSheet(null)} /> : null}
    </>
  );
}

/** An address that leads nowhere; what is forbidden reads the same. */
export function NotFound() {
  return (
    <Frame crumbs="Not found" status={null}>
      <Empty
        title="Nothing is here"
        text="It was deleted, belongs to another project, or the address is wrong."
      />
    </Frame>
  );
}
