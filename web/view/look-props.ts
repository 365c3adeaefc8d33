/** Which member is looked at: its arcs alone are shown, and whoever points at a member changes that. */
export interface LookProps {
  /** The member whose arcs are shown alone. */
  readonly lookedAt: string | undefined
  readonly onLook: (peerId: string | undefined) => void
}
