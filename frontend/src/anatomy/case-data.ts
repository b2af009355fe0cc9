/** What the server says of the anatomy of a case, in the shapes of this page. */

import type { AnatomyVersionOut, CaseAnatomyOut } from "../api/schema.ts";
import type { DicomJson } from "../viewer/geometry.ts";
import type { ViewerSlice } from "../viewer/stack-viewer.ts";
import { Grid, type BodySize } from "./boxes.ts";
import { bodyOf, type Bodies, type Space } from "./model.ts";

export interface CaseData {
  readonly caseId: number;
  readonly name: string;
  readonly stackWords: string;
  readonly slices: readonly ViewerSlice[];
  readonly space: Space;
  /** The newest version; null where there is none. */
  readonly newest: AnatomyVersionOut | null;
  readonly bodies: Bodies;
  /** Newest first. */
  readonly versions: readonly AnatomyVersionOut[];
  readonly mayEdit: boolean;
  readonly whyNot: string;
  /** Own drafts that would follow a new version. */
  readonly usedBy: number;
}

export function caseDataOf(json: CaseAnatomyOut): CaseData {
  const { stack } = json;
  const slices = [...stack.slices].sort((left, right) => left.k - right.k);
  return {
    caseId: json.case,
    name: json.name,
    stackWords: `Sagittal${stack.origin === "derived" ? ", derived" : ""}, ${stack.slice_spacing.toFixed(1)} mm`,
    slices: slices.map((slice) => ({
      sopUid: slice.sop_uid,
      frameUrl: stack.frames_url.replace("{sop_uid}", slice.sop_uid),
      metadata: (stack.metadata[slice.k] ?? {}) as DicomJson,
    })),
    space: {
      grid: new Grid([slices.length, stack.rows, stack.columns], stack.affine),
      sizes: json.body_sizes as unknown as Readonly<Record<string, BodySize>>,
    },
    newest: json.anatomy,
    bodies: json.vertebrae.map(bodyOf),
    versions: json.versions,
    mayEdit: json.may_edit,
    whyNot: json.why_not,
    usedBy: json.used_by,
  };
}

/** 23 Nov, 10:42 in the reader's own time zone. */
export const momentWords = (iso: string): string =>
  new Date(iso).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export function versionWords(version: AnatomyVersionOut | null): string {
  if (!version) return "No version yet";
  return `Version ${version.n}, ${version.confirmed_at ? "confirmed" : "not confirmed"}`;
}
