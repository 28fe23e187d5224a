import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "urql";
import { loadToken } from "./auth";
import { client } from "./graphql/client";
import { router } from "./router";
import { applyPreferences } from "./ui/preferences";
import "./theme/tokens.css";
import "./theme/fonts.css";
import "./theme/reset.css";

applyPreferences();
const place = document.getElementById("root");
if (!place) throw new Error("index.html has no #root");
await loadToken();
createRoot(place).render(
  <StrictMode>
    <Provider value={client}>
      <RouterProvider router={router} />
    </Provider>
  </StrictMode>,
);
