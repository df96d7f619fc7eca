import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Portal } from "./app/Portal";
import "./app/portal.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <Portal />
  </StrictMode>,
);
