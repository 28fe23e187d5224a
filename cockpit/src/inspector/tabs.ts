/** Which tabs a step has, in their order, and what each of them shows. Pure. */

import type { StepFactsQuery } from "../graphql/generated/graphql";
import { filesOf } from "./files/names";

type Found<T> = NonNullable<T>;
export type StepOf = Found<Found<StepFactsQuery["run"]>["step"]>;

export type TabId =
  | "summary"
  | "messages"
  | "input"
  | "output"
  | "error"
  | "files"
  | "signature"
  | "replay"
  | "sources"
  | "raw";

export interface Tab {
  readonly id: TabId;
  readonly label: string;
  /** Shown beside the label; null for none. */
  readonly count: number | null;
}

const INPUT_LABEL: Record<StepOf["kind"], string> = {
  MODEL: "Parameters",
  RETRIEVER: "Query",
  TOOL: "Arguments",
  PLANNER: "Goal",
  VALIDATOR: "Subject",
  SAFETY: "Subject",
  AGENT: "Input",
  CUSTOM: "Input",
};

/** Roles of a step's inputs, without the messages, which have their own tab. */
export function inputRoles(step: StepOf): string[] {
  return step.artifacts
    .map(({ role }) => role)
    .filter((role) => role.startsWith("input.") && role !== "input.messages");
}

export function has(step: StepOf, role: string): boolean {
  return step.artifacts.some((artifact) => artifact.role === role);
}

export function tabsOf(step: StepOf): Tab[] {
  const inputs = inputRoles(step);
  const tabs: Tab[] = [{ id: "summary", label: "Summary", count: null }];
  if (has(step, "input.messages")) tabs.push({ id: "messages", label: "Messages", count: null });
  if (inputs.length) {
    tabs.push({
      id: "input",
      label: INPUT_LABEL[step.kind],
      count: inputs.length > 1 ? inputs.length : null,
    });
  }
  if (has(step, "output")) tabs.push({ id: "output", label: "Output", count: null });
  if (has(step, "error")) tabs.push({ id: "error", label: "Error", count: null });
  const files = filesOf(step.artifacts).length;
  if (files) tabs.push({ id: "files", label: "Files", count: files });
  if (step.signature || step.parts.length)
    tabs.push({ id: "signature", label: "Signature", count: null });
  if (step.replay) tabs.push({ id: "replay", label: "Replay", count: null });
  if (inputs.length || has(step, "output"))
    tabs.push({ id: "sources", label: "Sources", count: null });
  const values = step.artifacts.length - files;
  if (values) tabs.push({ id: "raw", label: "Raw", count: values });
  return tabs;
}

/** The tab to show: the asked one if the step has it, else the summary. */
export function chosenTab(tabs: readonly Tab[], asked: string | undefined): TabId {
  return tabs.find(({ id }) => id === asked)?.id ?? "summary";
}
