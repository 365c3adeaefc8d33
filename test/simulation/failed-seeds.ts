/** Every seed that ever failed, with what it found. They run first, whatever else is drawn. */
import type { SimulationOptions } from '../../src/simulation/run/simulate.ts'

export const failedSeeds: readonly (SimulationOptions & { readonly found: string })[] = [
  { seed: 5, found: 'a hint stored for a target that was back already was never delivered' },
  { seed: 9, found: 'a write was replicated before it was durable at its coordinator, and its dot minted again after a crash' },
  { seed: 13, found: 'the answer to a put named the W of another ring than the coordinator had counted by' },
  { seed: 17, found: 'a hint whose deletion failed was forgotten in memory and stayed on disk' },
  { seed: 38, found: 'a leaving peer with a full disk never left' },
  { seed: 50, found: 'a peer left before anybody had heard of it' },
  { seed: 55, found: 'a copy whose deletion failed stayed at a peer that is no owner' },
  { seed: 85, found: 'the checker took a write that a crash had kept for one that never was' },
  { seed: 339, found: 'the last member of a ring left with its data while others were only away' },
  { seed: 10901, found: 'a hint whose write had failed kept a copy at a peer that is no owner' },
  { seed: 32128, found: 'a peer that crashed while it was joining came back as a full member that knew nobody' },
  {
    seed: 41279,
    operations: 200,
    found: 'a forward that the network repeated was carried out after its sender had been told that it failed'
  },
  { seed: 356, found: 'a transfer cut short by a crash was not taken up again' },
  { seed: 44455, operations: 200, found: 'a leaving peer did not give away a write that was on its way to the disk' },
  { seed: 51517, operations: 200, found: 'the simulator told a peer of a connection and of its end in the wrong order after a pause' },
  { seed: 62177, operations: 200, found: 'a fallback coordinator dropped its copy before every owner had one' },
  { seed: 385, found: 'a write dropped both dots of a request that was coordinated twice, and its replicas dropped only one' },
  { seed: 419, operations: 300, found: 'the simulator stopped a peer that had crashed in the step before' },
  {
    seed: 1275,
    operations: 200,
    found: 'an exchange counted a write under way as a difference to repair before the other side had said so'
  },
  { seed: 2293, operations: 200, found: 'the simulator let a tab vanish whose only other member then saw nobody, and evicts nobody' },
  {
    seed: 5183,
    operations: 165,
    only: ['lost', 'repeated', 2, 3, 4, 5, 7, 9, 10, 11],
    found: 'a member whose disk was full let a leaving one go, and had forgotten that after a crash'
  },
  { seed: 1290, operations: 300, found: 'a write that became durable after its caller had given up stayed where it was, without a hint' },
  { seed: 50370, operations: 300, found: 'the check of read repairs did not hear the second answer to a fetch that was repeated' },
  { seed: 3380, operations: 300, found: 'a leaving peer took the only copies along when those who were to get them were evicted' },
  {
    seed: 8301,
    operations: 300,
    found: 'the simulator reconnected peers that another fault still cut off, and two of them lived on together'
  },
  {
    seed: 31387,
    operations: 300,
    found: 'a peer that began to leave while it was away for long never trusted its copies again, and never left'
  },
  {
    seed: 16073,
    operations: 300,
    found: 'a peer back from a long absence took the ring for worked through that had been another while it doubted its copies'
  },
  {
    seed: 13263,
    operations: 300,
    found: 'a peer that crashed while it doubted its copies let members vouch for them that had come only meanwhile'
  },
  {
    seed: 261,
    operations: 300,
    found: 'a copy whose hint went home while its peer doubted stayed with it, though it was no owner: the ring was the one before'
  },
  {
    seed: 758,
    operations: 300,
    found: 'a peer back from a long absence told a joining one that it has everything, with copies left that others own'
  },
  {
    seed: 60921,
    operations: 300,
    found: 'a peer that doubted its copies made a hint over to itself, and discarded the only copy that it stood for'
  },
  {
    seed: 812628,
    operations: 300,
    found: 'a peer that doubted its copies kept those whose hints were delivered meanwhile, though it owned nothing of them'
  },
  { seed: 37314, operations: 300, found: 'a peer back from a long absence that is leaving gave nothing away' },
  {
    seed: 2662,
    operations: 300,
    found: 'an older answer that the network repeated took the place of the one that counted, and hid who was stale'
  },
  { seed: 1899, operations: 300, found: 'the check of requests written twice took a disk that was rolled back for one that wrote' },
  { seed: 300522, operations: 300, found: 'a client that passed by waited for ever for the first word of the only member, which was lost' },
  {
    seed: 713292,
    operations: 300,
    found: 'the simulator let a peer leave unheard, for which the last one waited for ever in order to join'
  },
  { seed: 431014, operations: 300, found: 'the simulator let the only peer be absent again and again, and its clients waited' },
  {
    seed: 431851,
    operations: 300,
    found: 'the simulator let a peer leave that took itself for the last, and counted on what it took along'
  },
  { seed: 880177, operations: 300, found: 'the simulator let the peer stay alone whose disk took damage' },
  {
    seed: 2308,
    operations: 300,
    found: 'the simulator let a peer without copies leave unheard by the only other, which kept hints for it'
  },
  {
    seed: 7227,
    operations: 200,
    found: 'the simulator waited for connections to a client that passed by, which nobody but itself keeps'
  },
  { seed: 8125, operations: 200, found: 'a member of whose neighbours none stored anything waited for ever to be let in' },
  {
    seed: 104828,
    operations: 200,
    found: 'a neighbour that had gone silent and was one no longer was taken for gone for ever, and its hints stayed'
  },
  {
    seed: 102512,
    operations: 200,
    found: 'an owner that could not be dialled was asked again only with the next rare probe, though its new record said that it was back'
  },
  {
    seed: 7248,
    operations: 200,
    found: 'the check of calm runs did not know that a distant peer which restarted is heard of only when the old connection is found dead'
  },
  {
    seed: 250084,
    operations: 300,
    found:
      'a peer that had lost its disk and left seemed to be up to those who had heard it before, and no operator of the simulation said that it was gone'
  },
  ...[512066, 512083, 512157, 512199, 512273].map(seed => ({
    seed,
    operations: 300,
    found:
      'peers waited for each other for ever to come up or to leave, after an operator had taken all others for gone at one that was leaving, cut off'
  })),
  {
    seed: 1053,
    operations: 200,
    faults: ['partition-one', 'throttled-timers', 'join', 'long-absence', 'leave-deserted'],
    found:
      'a peer whose operator had taken all others for gone doubted its copies when they were back, and discarded what it had taken alone'
  },
  {
    seed: 1225,
    operations: 200,
    faults: ['clog', 'crash-mid-step', 'slow-disk', 'clock-drift', 'long-absence', 'leave-deserted', 'leave-deserted', 'leave-deserted'],
    found:
      'a peer whose operator had taken all others for gone doubted its copies when they were back, and discarded what it had taken alone'
  },
  {
    seed: 1043,
    operations: 200,
    faults: [
      'flapping',
      'reset',
      'crash-mid-step',
      'crash-loop',
      'clock-jump',
      'join',
      'leave',
      'absence',
      'leave-deserted',
      'leave-deserted',
      'leave-deserted'
    ],
    found: 'a peer refuted its eviction, crashed before that was kept, and refuted it again under the same version with other words'
  },
  {
    seed: 1646,
    operations: 200,
    faults: ['clog', 'throttled-timers', 'long-absence', 'leave-deserted', 'leave-deserted', 'leave-deserted'],
    found: 'the simulator deserted a leaving peer in whose own ring nobody stayed'
  },
  {
    seed: 1137,
    operations: 200,
    faults: ['partition-one', 'reset', 'clog', 'disk-error-once', 'leave-deserted', 'leave-deserted', 'leave-deserted'],
    found: 'a client that knew another of two evictions of one peer never learnt of the one that counts: nobody but itself compared views'
  },
  { seed: 763, operations: 300, found: 'a read missed an acknowledged write while the owners changed' },
  { seed: 3484, operations: 300, found: 'a read missed an acknowledged write while the owners changed' },
  { seed: 900065, operations: 300, found: 'a read missed an acknowledged write while the owners changed' },
  { seed: 902261, operations: 300, found: 'a read missed an acknowledged write while the owners changed' },
  {
    seed: 902066,
    operations: 300,
    found: 'a peer that joined compared views with itself, found them equal, and took itself for the only member'
  },
  {
    seed: 900595,
    operations: 300,
    found: 'a newcomer did not ask another one, which it had displaced, for what that one had acknowledged meanwhile'
  },
  { seed: 902718, operations: 300, found: 'a newcomer acknowledged a write before the owners that it displaced knew of it' },
  { seed: 903907, operations: 300, found: 'a newcomer acknowledged a write before the owners that it displaced knew of it' },
  { seed: 907905, operations: 300, found: 'a peer that joined and had met only a client took itself for the only member' },
  {
    seed: 7100939,
    operations: 257,
    only: [16, 23, 27, 32, 36],
    found: 'an owner that heard what it still lacks asked nobody for it, and never let the leaving peer go that had it'
  },
  { seed: 7110019, operations: 300, found: 'the only owner of a key did not ask the one before the last, as two left at the same time' },
  { seed: 7100197, operations: 300, found: 'a peer that joined and had met only a client took itself for the only member' },
  {
    seed: 44455,
    operations: 4,
    only: [1, 2, 3, 4],
    found: 'a leaving peer was let go by an owner that had not heard that it had everything of it, and then waited for it'
  },
  {
    seed: 1654,
    operations: 200,
    faults: [
      'one-way',
      'reset',
      'crash',
      'crash-mid-step',
      'crash-loop',
      'pause',
      'disk-error-lasting',
      'throttled-timers',
      'leave',
      'absence',
      'long-absence',
      'mixed-configuration',
      'leave-deserted',
      'leave-deserted',
      'leave-deserted'
    ],
    found: 'a peer that had been the whole cluster was away for long before it had given what it took alone, and discarded that'
  },
  { seed: 5200353, operations: 300, found: 'a peer that had left took a comparison of views for the word that it would be remembered' },
  {
    seed: 5200440,
    operations: 300,
    found:
      'the simulator let a peer that knew of nobody else dial only those who had left, and it and the others had taken each other for gone'
  },
  {
    seed: 5201059,
    operations: 300,
    found: 'the simulator let a peer leave whose own view had nobody that stayed, and counted on what it took along'
  },
  {
    seed: 8800059,
    operations: 300,
    found: 'one of two peers that joined together had everything sooner, and the other then forgot that it lacked what a third held'
  },
  {
    seed: 8800059,
    operations: 142,
    only: [1, 5, 6],
    found: 'one of two peers that joined together had everything sooner, and the other then forgot that it lacked what a third held'
  },
  {
    seed: 8802974,
    operations: 300,
    found: 'the checker let values return with a write that was kept after a long absence, but not the older deletes beside it'
  },
  {
    seed: 8802974,
    operations: 300,
    only: ['lost', 'repeated', 1, 3, 4, 6, 7, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 26, 28, 29, 32, 42, 45, 50, 69],
    found: 'the checker let values return with a write that was kept after a long absence, but not the older deletes beside it'
  },
  {
    seed: 8800215,
    operations: 300,
    found: 'a peer that slept through the end of a read repaired one that had owned the key when the read began, and had left the ring'
  }
]
