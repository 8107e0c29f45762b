// Effect's own house style; its formatter, dprint, runs as a rule.
import * as effect from "@effect/eslint-plugin"
import { defineConfig, globalIgnores } from "eslint/config"
import ts from "typescript-eslint"
import { plugin } from "./test/comments.mjs"

const barrel = (name) => ({
  name,
  message: `Import the module itself ("${name}/…"): the barrel costs users start-up time and bundle size.`
})

export default defineConfig(
  globalIgnores(["build", "dist", "coverage", ".kernel32", "docs/site/pages", "docs/site/.vitepress/cache"]),
  ts.configs.recommended,
  effect.configs.dprint,
  {
    rules: {
      "@effect/dprint": ["error", {
        config: {
          indentWidth: 2,
          lineWidth: 120,
          semiColons: "asi",
          quoteStyle: "alwaysDouble",
          trailingCommas: "never",
          operatorPosition: "maintain",
          "arrowFunction.parentheses": "force"
        }
      }],
      eqeqeq: "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-rest-params": "off", // `dual` hands `arguments` to its predicate
      "@typescript-eslint/array-type": ["error", { default: "generic", readonly: "generic" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
      "@typescript-eslint/no-namespace": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }]
    }
  },
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error"
    }
  },
  {
    files: ["**/*.ts", "**/*.mjs"],
    plugins: { house: plugin },
    rules: { "house/comments": "error" }
  },
  {
    // The thread pool's model and the tree of a watch are each one concept.
    files: ["src/internal/**/*.ts"],
    ignores: ["src/internal/kernel/model.ts", "src/internal/kernel/portable/watch/tree.ts"],
    rules: { "house/classSize": "error", "max-lines": ["error", { max: 400 }] }
  },
  {
    files: ["src/*.ts"],
    rules: { "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }] }
  },
  {
    files: ["test/**"],
    rules: { "@typescript-eslint/no-explicit-any": "off" }
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-imports": ["error", { paths: [barrel("effect"), barrel("@effect/platform")] }]
    }
  },
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: { AbortController: false, Buffer: false, console: false, process: false, URL: false }
    },
    rules: { "no-undef": "error" }
  }
)
