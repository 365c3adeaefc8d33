/** `dynamesh start`: runs an edge peer until it is told to stop. The same peer as in a browser tab, with other defaults. */
import { resolve } from 'node:path'
import process from 'node:process'
import { replicasMax, weightMax } from '../../core/limits.ts'
import type { Peer, PeerOptions } from '../../store/api.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Command, Flags, Invocation } from '../invocation/command.ts'
import { readConfigFile } from '../start/config-file.ts'
import { controlServer } from '../access/control/server.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { checkPort, defaultPorts, hostAddress, listenAddresses } from '../start/listen.ts'
import { clusterFlags, commonFlags, dataFolderDefault } from '../invocation/shared-flags.ts'
import { reportEvents, reportJoined, reportMoves, reportReady, startLogger } from '../start/start-report.ts'
import { untilInterrupted, type Terminal } from '../terminal/terminal.ts'

const portFlag = { kind: 'integer', value: 'PORT', min: 0, max: 65_535 } as const

/** Flags that are fields of the configuration file too. */
const configFlags: Flags = {
  data: { kind: 'text', value: 'FOLDER', help: `Folder for the data; made if it is not there. Default: ${dataFolderDefault}.` },
  ...clusterFlags,
  port: { ...portFlag, help: `TCP port; 0 for any free one. Default: ${defaultPorts.tcp}.` },
  'ws-port': { ...portFlag, help: `WebSocket port, for browsers; 0 for any free one. Default: ${defaultPorts.webSocket}.` },
  host: { kind: 'text', value: 'IP', help: 'Address to listen on. Default: 127.0.0.1, this machine only; 0.0.0.0 is all of its networks.' },
  announce: { kind: 'list', value: 'ADDR', help: 'Address to publish instead of those listened on, e.g. behind a proxy; may be repeated.' },
  weight: { kind: 'integer', value: 'WEIGHT', min: 0, max: weightMax, help: 'Share of the ring relative to other peers. Default: 4.' },
  zone: { kind: 'text', value: 'NAME', help: 'Failure zone; the owners of a key are in different zones while there are enough.' },
  r: { kind: 'integer', value: 'R', min: 1, max: replicasMax, help: 'Replies that a get waits for by default. Default: 2.' },
  w: {
    kind: 'integer',
    value: 'W',
    min: 1,
    max: replicasMax,
    help: 'Durable acknowledgements that a put waits for by default. Default: 2.'
  }
}

export const startCommand: Command = {
  name: 'start',
  summary: 'Run a peer on this machine.',
  description: [
    'Runs until Ctrl-C or SIGTERM, then stops cleanly with exit code 0; the data and the place in the ring stay. It starts also when no address of --join answers, and keeps trying.',
    'The cluster is open: whoever reaches a port of this peer can read and write. So it listens on 127.0.0.1 unless --host says otherwise.'
  ],
  arguments: [],
  flags: {
    ...configFlags,
    config: { kind: 'text', value: 'FILE', help: 'JSON file with these flags as fields, --ws-port as "wsPort". Flags outrank it.' },
    quiet: { kind: 'switch', short: 'q', help: 'Say nothing on standard error but warnings and errors.' },
    ...commonFlags
  },
  examples: [
    ['dynamesh start --cluster shop', 'the first peer'],
    [
      'dynamesh start --cluster shop --data ./second --port 0 --ws-port 0 --join /ip4/127.0.0.1/tcp/4301/p2p/12D3Koo…',
      'another one on the same machine'
    ],
    ['dynamesh start --config /etc/dynamesh.json', 'with a file like {"cluster": "shop", "join": ["…"], "wsPort": 443}']
  ],
  run: async (given, terminal) => {
    const config = given.text('config')
    const invocation = config === undefined ? given : given.withDefaults(await readConfigFile(terminal, config, configFlags))
    const data = resolve(terminal.folder, invocation.text('data') ?? dataFolderDefault)
    const options = await peerOptions(invocation, terminal, data)
    if (invocation.list('join').length > 0 && tellsNews(invocation)) terminal.note('joining…')
    // The data folder holds the peer's private key: nobody else may read what is made in it.
    if (process.platform !== 'win32') process.umask(0o077)
    // Imported late: reading the flags and printing help need not wait for libp2p.
    const { createPeer } = await import('../../entry/nodejs.ts')
    await serve(await createPeer(options), data, invocation, terminal)
    return exitCode.ok
  }
}

async function serve(peer: Peer, data: string, invocation: Invocation, terminal: Terminal): Promise<void> {
  const isJson = invocation.switch('json')
  const over = new AbortController()
  let hasLeft = false
  const left = new Promise<void>(resolve => {
    peer.addEventListener('member:left', ({ detail }) => {
      if (!detail.self) return
      hasLeft = true
      resolve()
    })
  })
  if (isJson || tellsNews(invocation)) reportMoves(peer, terminal, isJson, over.signal)
  if (isJson || tellsNews(invocation)) reportEvents(peer, terminal, isJson, over.signal)
  const control = await controlServer(peer, data).catch(async (error: unknown) => {
    await peer.stop()
    throw error
  })
  try {
    await reportReady(peer, data, terminal, isJson)
    if (invocation.list('join').length > 0 && tellsNews(invocation)) reportJoined(peer, terminal, over.signal)
    await Promise.race([untilInterrupted(terminal), left])
  } finally {
    over.abort()
    await control.close(() => peer.stop())
  }
  if (tellsNews(invocation)) terminal.note(hasLeft ? 'left the cluster for good' : 'stopped; the data and the place in the ring are kept')
}

/** True when a person watches who wants to know what happens. */
function tellsNews(invocation: Invocation): boolean {
  return !invocation.switch('json') && !invocation.switch('quiet')
}

async function peerOptions(invocation: Invocation, terminal: Terminal, data: string): Promise<PeerOptions> {
  const cluster = invocation.text('cluster')
  const zone = invocation.text('zone')
  if (cluster === undefined) throw usageError('start needs --cluster NAME: peers of the same name find each other.')
  return {
    cluster,
    storage: data,
    listen: await listen(invocation),
    join: invocation.list('join'),
    announce: invocation.list('announce'),
    logger: startLogger(terminal, invocation.switch('verbose'), invocation.switch('json')),
    ...numbers(invocation, ['partitions', 'replicas', 'r', 'w', 'weight']),
    ...(zone === undefined ? {} : { zone })
  }
}

async function listen(invocation: Invocation): Promise<readonly string[]> {
  const host = hostAddress(invocation.text('host') ?? '127.0.0.1')
  const port = invocation.number('port') ?? defaultPorts.tcp
  const webSocketPort = invocation.number('ws-port') ?? defaultPorts.webSocket
  if (port !== 0 && port === webSocketPort) throw usageError(`--port and --ws-port are both ${port}; each needs a port of its own.`)
  await checkPort(host, port, '--port')
  await checkPort(host, webSocketPort, '--ws-port')
  return listenAddresses(host, port, webSocketPort)
}

function numbers<Name extends 'partitions' | 'replicas' | 'r' | 'w' | 'weight'>(
  invocation: Invocation,
  names: readonly Name[]
): Partial<Record<Name, number>> {
  const values: Partial<Record<Name, number>> = {}
  for (const name of names) {
    const value = invocation.number(name)
    if (value !== undefined) values[name] = value
  }
  return values
}
