import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Page } from "../diff/Page";
import { Frame } from "../ui/Frame";
import { Empty } from "../ui/State";

/** `/diff/A...B`: B against the base A. */
export function DiffRoute() {
  const { pair } = useParams({ from: "/diff/$pair" });
  const search = useSearch({ from: "/diff/$pair" });
  const navigate = useNavigate({ from: "/diff/$pair" });
  const [a, b, ...rest] = pair.split("...");
  if (!a || !b || rest.length) {
    return (
      <Frame crumbs="Diff" status={null}>
        <Empty
          title="Two runs are compared here"
          text="The address names them as A...B. In the run list, select two with Space and press c, or ask for their difference in a terminal:"
          command="forkpoint diff A B"
        />
      </Frame>
    );
  }
  return (
    <Page
      key={pair}
      a={a}
      b={b}
      search={search}
      onSearch={(next, visit) => void navigate({ search: next, replace: !visit })}
      onSwap={() => void navigate({ params: { pair: `${b}...${a}` }, search: {} })}
    />
  );
}
