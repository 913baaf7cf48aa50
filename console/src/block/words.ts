// How the states of a block are said. A block is in force only when every point asked has it.
import type { Block } from "../api/types";

/** Does the target stay denied, or is it about to be? */
export function standing(block: Block): boolean {
  return block.state === "approved" || block.state === "applying" || block.state === "applied";
}

/** Heading of a block's panel, and how grave it looks. */
export function headline(block: Block): { word: string; look: "ok" | "bad" | "plain" } {
  if (block.state === "applied") {
    if (block.dry_run) return { word: "block_head.tried", look: "plain" };
    if (block.effect === "inserted_not_effective") return { word: "block_head.not_effective", look: "bad" };
    return { word: "block_head.applied", look: "ok" };
  }
  if (block.state === "proposed")
    return { word: block.waiting ? "block_head.waiting" : "block_head.proposed", look: "plain" };
  if (block.state === "refused") return { word: "block_head.refused", look: "bad" };
  return { word: `block_head.${block.state}`, look: "plain" };
}
