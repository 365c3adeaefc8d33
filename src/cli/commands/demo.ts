/** `dynamesh demo`: three edge peers and the page on one machine, to see the ring work. */
import { resolve } from 'node:path'
import process from 'node:process'
import { Demo } from '../demo/demo.ts'
import { openBrowser } from '../demo/browser.ts'
import { defaultPagePort } from '../demo/page-port.ts'
import type { Command, Invocation } from '../invocation/command.ts'
import { printableJson } from '../terminal/escape.ts'
import { exitCode } from '../outcome/exit-code.ts'
import { invocationText, shellQuoted, typedPath } from '../invocation/invocation-text.ts'
import { commonFlags } from '../invocation/shared-flags.ts'
import { shortPeer } from '../report/short-peer.ts'
import { pairs, table } from '../terminal/table.ts'
import { untilInterrupted, type Terminal } from '../terminal/terminal.ts'

/** Most peers of a demo; more are a matter for the simulator. */
const peersMax = 16
const demoFolderDefault = './dynamesh-demo'

export const demoCommand: Command = {
  name: 'demo',
  summary: 'Run edge peers and the page on this machine.',
  description: [
    'Starts edge peers as processes of their own and serves the page, in which every tab is a peer too. Runs until Ctrl-C, stops cleanly, and starts again with its data at the same addresses. A peer that dies is started again: try kill -9.'
  ],
  arguments: [],
  flags: {
    peers: { kind: 'integer', value: 'COUNT', min: 1, max: peersMax, help: 'Edge peers. Default: 3.' },
    data: { kind: 'text', value: 'FOLDER', help: `Folder for the data of all of them. Default: ${demoFolderDefault}.` },
    cluster: { kind: 'text', value: 'NAME', help: 'Name of the cluster. Default: demo.' },
    port: {
      kind: 'integer',
      value: 'PORT',
      min: 0,
      max: 65_535,
      help: `Port of the page. Default: ${defaultPagePort}, or the next free one.`
    },
    open: { kind: 'switch', help: 'Open the page in the browser.' },
    ...commonFlags
  },
  examples: [
    ['dynamesh demo', 'three edge peers and the page'],
    ['dynamesh demo --peers 5 --open', 'five, and the page in the browser'],
    ['dynamesh demo --data /tmp/demo --port 9000', 'elsewhere']
  ],
  run: async (invocation, terminal) => {
    const folder = resolve(terminal.folder, invocation.text('data') ?? demoFolderDefault)
    const demo = await Demo.start({
      folder,
      cluster: invocation.text('cluster') ?? 'demo',
      peers: invocation.number('peers') ?? 3,
      port: invocation.number('port'),
      note: text => terminal.note(text),
      signal: terminal.interrupted
    })
    try {
      await announce(demo, folder, invocation, terminal)
      await untilInterrupted(terminal)
    } finally {
      if (!invocation.switch('json')) terminal.note('stopping…')
      await demo.stop()
    }
    if (!invocation.switch('json')) terminal.note(`stopped; the data is kept in ${typedPath(terminal.folder, folder)}`)
    return exitCode.ok
  }
}

async function announce(demo: Demo, folder: string, invocation: Invocation, terminal: Terminal): Promise<void> {
  const cluster = invocation.text('cluster') ?? 'demo'
  const text = invocation.switch('json') ? readyJson(demo, folder, cluster) : readyText(demo, folder, cluster, terminal)
  await terminal.print(text).catch(() => {})
  if (!invocation.switch('open') || demo.url === undefined) return
  const isOpen = await openBrowser(demo.url)
  if (!isOpen) terminal.note(`the browser could not be opened; go to ${demo.url}`)
}

function readyJson(demo: Demo, folder: string, cluster: string): string {
  const peers = demo.edges.map(({ plan, pid, addresses }) => ({ name: plan.name, peerId: plan.peerId, data: plan.data, pid, addresses }))
  return printableJson({ event: 'ready', url: demo.url ?? null, data: folder, cluster, peers })
}

function readyText(demo: Demo, folder: string, cluster: string, terminal: Terminal): string {
  const call = invocationText(terminal.environment, process.argv[1] ?? 'dynamesh', terminal.folder)
  const dataOf = (index: number): string =>
    shellQuoted(typedPath(terminal.folder, demo.edges[index % demo.edges.length]?.plan.data ?? folder))
  const columns = [
    { title: 'PEER' },
    { title: 'ID' },
    { title: 'TCP', align: 'right' },
    { title: 'WEBSOCKET', align: 'right' },
    { title: 'PROCESS', align: 'right' }
  ] as const
  const rows = demo.edges.map(({ plan, pid }) => [
    plan.name,
    shortPeer(plan.peerId),
    String(plan.port),
    String(plan.webSocketPort),
    String(pid ?? '-')
  ])
  const head = pairs([
    ['page', demo.url ?? '(not built)'],
    ['cluster', cluster],
    ['data', `${typedPath(terminal.folder, folder)} (kept when the demo stops)`]
  ])
  const tries = [
    `${call} put hello --value world --data ${dataOf(0)}`,
    `${call} get hello --data ${dataOf(1)}`,
    `${call} ring --data ${dataOf(0)}`
  ]
  return `${head}\n\n${table(columns, rows)}\n\nTry, in another terminal in this folder:\n${tries.map(line => `  ${line}`).join('\n')}\n\nCtrl-C stops everything.`
}
