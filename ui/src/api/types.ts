// The shapes of /api/v1 as far as the page reads them.

export type Metric = Record<string, string>;
/** Seconds since the epoch, and the value as Go prints it ("+Inf", "NaN"). */
export type Point = [number, string];

export interface VectorSample {
  metric: Metric;
  value?: Point;
  histogram?: [number, unknown];
}

export interface MatrixSeries {
  metric: Metric;
  values?: Point[];
  histograms?: [number, unknown][];
}

/** Why a query has no result. */
export interface EmptyReason {
  code: string;
  message: string;
  /** The whole query as it should read. */
  fix?: string;
}

export type QueryData = { explain?: { empty?: EmptyReason[] } } & QueryResult;

export type QueryResult =
  | { resultType: "vector"; result: VectorSample[] }
  | { resultType: "matrix"; result: MatrixSeries[] }
  | { resultType: "scalar"; result: Point }
  | { resultType: "string"; result: Point };

export interface ActiveTarget {
  discoveredLabels: Metric;
  labels: Metric;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval: string;
  scrapeTimeout: string;
}

/** Why a target is down, found out on demand. */
export interface TargetDiagnosis {
  code: string;
  message: string;
  notes: string[];
  remedy: string;
}

/** What of `status/runtimeinfo` has a meaning here. */
export interface RuntimeInfo {
  reloadConfigSuccess: boolean;
  /** Why the last reload failed, with places and suggestions. */
  reloadConfigError?: string;
  lastConfigTime: string;
}

export interface TargetsData {
  activeTargets: ActiveTarget[];
  droppedTargetCounts?: Record<string, number>;
}

export interface TsdbStatus {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: { name: string; value: number }[];
  labelValueCountByLabelName: { name: string; value: number }[];
  memoryInBytesByLabelName: { name: string; value: number }[];
  seriesCountByLabelValuePair: { name: string; value: number }[];
}

export interface RuleAlert {
  labels: Metric;
  annotations: Metric;
  state: AlertState;
  activeAt: string;
  keepFiringSince?: string;
  value: string;
}

export type AlertState = "unknown" | "inactive" | "pending" | "firing";

/** A selector for which a rule can yield nothing. */
export interface MatchesNothing {
  code: string;
  message: string;
  near: string[];
  /** The whole expression as it should read. */
  fix?: string;
}

interface RuleBase {
  name: string;
  query: string;
  labels: Metric;
  health: "unknown" | "ok" | "err";
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
  matchesNothing?: MatchesNothing[];
}

export interface AlertingRule extends RuleBase {
  type: "alerting";
  state: AlertState;
  /** Seconds, as keepFiringFor. */
  duration: number;
  keepFiringFor: number;
  annotations: Metric;
  alerts: RuleAlert[];
}

export type Rule = AlertingRule | ({ type: "recording" } & RuleBase);

export interface RuleGroup {
  name: string;
  file: string;
  rules: Rule[];
  /** Seconds. */
  interval: number;
  evaluationTime: number;
  lastEvaluation: string;
}
