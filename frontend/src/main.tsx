// Before all others, so that these can change what it says.
import "./styles/tokens.css";
import "./styles/base.css";

import { render } from "preact";
import { createClient } from "./api/client";
import { takeToken } from "./api/token";
import { App } from "./app";
import { createStudio } from "./state/create-studio";
import { createTheme } from "./state/theme";
import { findStorage } from "./storage";

const token = takeToken(location, history, findStorage("sessionStorage"));
const studio = createStudio(createClient({ token: token.get }), token);
const root = document.getElementById("app");
if (root) render(<App studio={studio} theme={createTheme()} />, root);
studio.start();
