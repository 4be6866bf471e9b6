import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Everything a program can see that is not the language itself: packages may use none of it. */
const platformGlobals = {
  "is Node's or the browser's: packages run in both, so take what you need as an argument": [
    ...[
      "process",
      "Buffer",
      "require",
      "module",
      "exports",
      "global",
      "globalThis",
      "self",
      "__dirname",
      "__filename",
    ],
    ...["window", "document", "navigator", "localStorage", "Worker", "TextEncoder", "TextDecoder", "URL"],
  ],
  "prints: return text or send an event, and let the app decide where it goes": ["console", "alert"],
  "does I/O: it comes in through a backend given as an argument": ["fetch", "XMLHttpRequest", "WebSocket"],
  "is real time, and state is a pure function of (configuration, seed, events): step virtual time instead": [
    ...["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"],
    ...["queueMicrotask", "requestAnimationFrame", "performance", "Date"],
  ],
  "is chance outside the seed: take a seeded generator as an argument": ["crypto"],
};

export default defineConfig(
  globalIgnores(["packages/*/compiled/", "**/dist/", "**/coverage/", "**/.generated/", "**/.turbo/"]),
  {
    files: ["**/*.ts"],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      // A test or a lookup that has just been checked may say so.
      "@typescript-eslint/no-non-null-assertion": "off",
      // Index loops: for...of on typed arrays costs 6 to 10 times as much.
      "@typescript-eslint/prefer-for-of": "off",
      // Walks over intrusive lists are `while (true)` with the exit in the middle.
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        {
          argsIgnorePattern: "^_",
          varsIgnorePattern: "^_",
          caughtErrorsIgnorePattern: "^_",
          destructuredArrayIgnorePattern: "^_",
        },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  {
    files: ["packages/*/src/**/*.ts"],
    rules: {
      // A published function's type is written, not found out: a change to it shows in review.
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "no-restricted-globals": [
        "error",
        ...Object.entries(platformGlobals).flatMap(([why, names]) =>
          names.map((name) => ({ name, message: `\`${name}\` ${why}.` })),
        ),
      ],
      "no-restricted-properties": [
        "error",
        {
          object: "Math",
          property: "random",
          message:
            "Chance comes from a seeded generator given as an argument, so that a run can be repeated.",
        },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector: ":matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind=/^(let|var)$/]",
          message: "No mutable state at module level: two kernels live side by side in one process.",
        },
      ],
    },
  },
  {
    files: ["scripts/**/*.mjs", "*.config.js"],
    extends: [js.configs.recommended],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } },
  },
);
