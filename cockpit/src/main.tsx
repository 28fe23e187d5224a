import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "urql";
import { loadToken } from "./auth";
import { beginEarly } from "./diff/early";
import { client } from "./graphql/client";
import { router } from "./router";
import { applyPreferences } from "./ui/preferences";
import "./theme/tokens.css";
import "./theme/fonts.css";
import "./theme/reset.css";

applyPreferences();
const place = document.getElementById("root");
if (!place) throw new Error("index.html has no #root");
const token = loadToken();
beginEarly(window.location);
await token;
createRoot(place).render(
  <StrictMode>
    <Provider value={client}>
      <RouterProvider router={router} />
    </Provider>
  </StrictMode>,
);
