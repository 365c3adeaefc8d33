/**
 * The first exchange on every connection: protocol versions, cluster configuration and member record, both ways. Nothing else of a
 * peer is heard before its hello was accepted.
 */
import { Reader, Writer } from '../../core/codec.ts'
import { isStoreError, StoreError } from '../../core/errors.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { nameBytesMax, partitionsMax, replicasMax } from '../../core/limits.ts'
import { checkMember, readMember, encodeMember, type MemberRecord } from '../../core/members/member-record.ts'

/** Oldest and newest protocol version that this code speaks. */
export const protocolVersions = { min: 1, max: 1 } as const

/** What must be the same on all peers of a cluster, for the cluster's life. */
export interface ClusterConfiguration {
  readonly cluster: string
  /** Q, a power of two. */
  readonly partitions: number
  /** N. */
  readonly replicas: number
}

export interface Hello {
  readonly versionMin: number
  readonly versionMax: number
  readonly configuration: ClusterConfiguration
  readonly member: MemberRecord
}

/** Bytes of this peer's hello. */
export function encodeHello(configuration: ClusterConfiguration, member: MemberRecord): Uint8Array {
  const out = new Writer()
  out.uint(1, protocolVersions.min)
  out.uint(2, protocolVersions.max)
  out.string(3, configuration.cluster)
  out.uint(4, configuration.partitions)
  out.uint(5, configuration.replicas)
  out.bytes(6, encodeMember(member))
  return out.finish()
}

/** Reads a hello strictly. */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new Reader(bytes)
  let versionMin = 0
  let versionMax = 0
  let cluster = ''
  let partitions = 0
  let replicas = 0
  let member: MemberRecord | undefined
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) versionMin = reader.uint()
    else if (field === 2) versionMax = reader.uint()
    else if (field === 3) cluster = reader.string(nameBytesMax)
    else if (field === 4) partitions = reader.uint(partitionsMax)
    else if (field === 5) replicas = reader.uint(replicasMax)
    else if (field === 6) member = readMember(reader.message(64 * 1024))
    else reader.unknown(field)
  }
  if (member === undefined) throw new StoreError('ERR_WIRE_MALFORMED', 'The hello lacks a member record.')
  return { versionMin, versionMax, configuration: { cluster, partitions, replicas }, member }
}

/** Why a hello is refused, or `undefined` when the peer may come in. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

/** Judges the hello of `peer`, whose key the connection has already proved. Returns the member record or a refusal. */
export function judgeHello(
  own: ClusterConfiguration,
  peer: PeerId,
  bytes: Uint8Array,
  verifier: { verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean }
): { readonly member: MemberRecord } | { readonly refusal: Refusal } {
  try {
    const hello = decodeHello(bytes)
    const refusal = versionRefusal(hello) ?? configurationRefusal(own, hello.configuration)
    if (refusal !== undefined) return { refusal }
    if (hello.member.peerId !== peer || hello.member.issuer !== peer) {
      return { refusal: { code: 'ERR_NOT_ADMITTED', message: 'The hello carries the member record of another peer.' } }
    }
    checkMember(hello.member, own.cluster, verifier)
    return { member: hello.member }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return { refusal: { code: error.code, message: error.message } }
  }
}

function versionRefusal(hello: Hello): Refusal | undefined {
  if (hello.versionMin <= protocolVersions.max && hello.versionMax >= protocolVersions.min) return undefined
  return {
    code: 'ERR_WIRE_UNSUPPORTED',
    message: `Protocol versions do not meet: the refusing peer speaks ${protocolVersions.min}..${protocolVersions.max}, the refused one ${hello.versionMin}..${hello.versionMax}.`
  }
}

function configurationRefusal(own: ClusterConfiguration, other: ClusterConfiguration): Refusal | undefined {
  const differences = [
    own.cluster === other.cluster ? undefined : `cluster ${JSON.stringify(own.cluster)} and ${JSON.stringify(other.cluster)}`,
    own.partitions === other.partitions ? undefined : `partitions (Q) ${own.partitions} and ${other.partitions}`,
    own.replicas === other.replicas ? undefined : `replicas (N) ${own.replicas} and ${other.replicas}`
  ].filter(difference => difference !== undefined)
  if (differences.length === 0) return undefined
  return {
    code: 'ERR_CLUSTER_CONFIG_MISMATCH',
    message: `The peers have different cluster configurations (the refusing peer's first): ${differences.join('; ')}.`
  }
}
