/**
 * Who opened a connection to us: the kernel says in /proc which process holds the other end. So the proxy can tell connections apart from
 * their first byte on, and the processes under test are not touched. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const LOOPBACK = '0100007F'
const INODE_FIELD = 9

/** Which of `pids` holds the socket at `127.0.0.1:port` that is connected to `127.0.0.1:toPort`; `undefined` when none does. */
export function ownerOfSocket(port: number, toPort: number, pids: readonly number[]): number | undefined {
  const inode = inodeOf(`${LOOPBACK}:${hex(port)}`, `${LOOPBACK}:${hex(toPort)}`)
  return inode === undefined ? undefined : pids.find(pid => holds(pid, `socket:[${inode}]`))
}

function inodeOf(local: string, remote: string): string | undefined {
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[1] === local && fields[2] === remote) return fields[INODE_FIELD]
  }
  return undefined
}

function holds(pid: number, socket: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).some(name => linkOf(`${folder}/${name}`) === socket)
  } catch {
    // The process ended meanwhile.
    return false
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // The file was closed meanwhile.
    return undefined
  }
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
