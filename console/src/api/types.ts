// Short names for the generated types. Nothing is declared here by hand: the contract is `openapi.json`.
import type { components, paths } from "./schema";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type Role = Schemas["Role"];
export type Abilities = Schemas["Abilities"];
export type Named = Schemas["Named"];
export type Actor = Schemas["Actor"];
export type Severity = Schemas["Severity"];
export type Overview = Schemas["Overview"];
export type StreamEvent = Schemas["StreamEvent"];
export type KillSwitch = Schemas["KillSwitch"];
export type AlertRow = Schemas["AlertRow"];
export type AlertPage = Schemas["AlertPage"];
export type AlertDetail = Schemas["AlertDetail"];
export type MatchedField = Schemas["MatchedField"];
export type AlertEvent = Schemas["AlertEvent"];
export type Mark = Schemas["Mark"];
export type Verdict = Schemas["Verdict"];
export type TimelineEntry = Schemas["TimelineEntry"];
export type Technique = Schemas["Technique"];
export type BlockBrief = Schemas["BlockBrief"];
export type Block = Schemas["Block"];
export type BlockState = Schemas["BlockState"];
export type BlockRequest = Schemas["BlockRequest"];
export type BlockPreview = Schemas["BlockPreview"];
export type BlockPolicy = Schemas["BlockPolicy"];
export type SafetyCheck = Schemas["SafetyCheck"];
export type Effect = Schemas["Effect"];
export type PointState = Schemas["PointState"];
export type SearchPage = Schemas["SearchPage"];
export type EventRow = Schemas["EventRow"];
export type EventDetail = Schemas["EventDetail"];
export type Histogram = Schemas["Histogram"];
export type Facet = Schemas["Facet"];
export type FieldInfo = Schemas["FieldInfo"];
export type Table = Schemas["Table"];
export type Source = Schemas["Source"];
export type Sources = Schemas["Sources"];
export type Quarantined = Schemas["Quarantined"];
export type Agent = Schemas["Agent"];
export type AgentInput = Schemas["AgentInput"];
export type Agents = Schemas["Agents"];
export type Rule = Schemas["Rule"];
export type RuleDetail = Schemas["RuleDetail"];
export type RuleCost = Schemas["RuleCost"];
export type TestedRule = Schemas["TestedRule"];
export type Backtest = Schemas["Backtest"];
export type RuleException = Schemas["RuleException"];
export type ExceptionPart = Schemas["ExceptionPart"];
export type ImportPreview = Schemas["ImportPreview"];
export type ImportedRule = Schemas["ImportedRule"];
export type AttackMatrix = Schemas["AttackMatrix"];
export type AttackCell = Schemas["AttackCell"];
export type AttackSource = Schemas["AttackSource"];
export type TestedLine = Schemas["TestedLine"];
export type Agency = Schemas["Agency"];
export type User = Schemas["User"];
export type RoleAssignment = Schemas["RoleAssignment"];
export type AuditEntry = Schemas["AuditEntry"];
export type Session = Schemas["Session"];
export type ErrorBody = Schemas["ErrorBody"];

export type Method = "get" | "post" | "put" | "patch" | "delete";
/** Paths of the contract that have this method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;

/** The JSON body of a success; `undefined` where there is none (204). */
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends {
    responses: { 200: { content: { "application/json": infer T } } };
  }
    ? T
    : undefined;
/** The JSON body of a request. */
export type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends {
    requestBody: { content: { "application/json": infer T } };
  }
    ? T
    : undefined;
/** Query parameters. */
export type Query<P extends keyof paths, M extends Method> =
  Operation<P, M> extends {
    parameters: { query?: infer T };
  }
    ? T
    : undefined;
/** Path parameters. */
export type Params<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { path: infer T } } ? T : undefined;
