/**
 * A cluster of runners: what they keep in a database, and how they speak to each other.
 */
import * as ClusterWorkflowEngine from "@effect/cluster/ClusterWorkflowEngine"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as Runners from "@effect/cluster/Runners"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SocketRunner from "@effect/cluster/SocketRunner"
import * as SqlMessageStorage from "@effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "@effect/cluster/SqlRunnerStorage"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import { Socket } from "@effect/platform/Socket"
import type { SocketServer, SocketServerError } from "@effect/platform/SocketServer"
import * as RpcClient from "@effect/rpc/RpcClient"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import type { SqlClient } from "@effect/sql/SqlClient"
import { type Client, createClient } from "@libsql/client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Kernel } from "../../src/Kernel.js"
import * as NamedPipeSocket from "../../src/NamedPipeSocket.js"
import * as NamedPipeSocketServer from "../../src/NamedPipeSocketServer.js"

/** The way runners speak to each other. */
export type Transport = "tcp" | "pipe"

// --- the database

const isPostgres = (database: string): boolean => /^postgres(ql)?:/.test(database)

/**
 * Several processes write to the file, and a connection waits for the others only if it is told to. Each transaction
 * has a new connection. Data that is committed outlives the end of a process, though not that of the system.
 */
const SETUP = ["PRAGMA busy_timeout = 10000", "PRAGMA synchronous = NORMAL"]

const patient = (client: Client): Client => {
  const { execute, transaction } = client
  const setUp = () => {
    for (const statement of SETUP) void execute.call(client, statement)
  }
  return Object.assign(client, {
    execute: (...given: Parameters<Client["execute"]>) => {
      setUp()
      return Reflect.apply(execute, client, given)
    },
    transaction: (...given: Parameters<Client["transaction"]>) => {
      setUp()
      return Reflect.apply(transaction, client, given)
    }
  })
}

const layerSqlite = (file: string): Layer.Layer<SqlClient> =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => patient(createClient({ url: `file:${file}`, intMode: "bigint" }))),
      (client) => Effect.sync(() => client.close())
    )
    yield* Effect.promise(() => client.execute("PRAGMA journal_mode = WAL"))
    return LibsqlClient.layer({ liveClient: client })
  }))

/** A file of SQLite's, or the URL of a PostgreSQL server, which several machines need. */
const layerDatabase = (database: string): Layer.Layer<SqlClient> =>
  isPostgres(database)
    ? Layer.orDie(PgClient.layer({ url: Redacted.make(database) }))
    : layerSqlite(database)

// --- sockets

const pipeOf = (name: string, port: number): string => `tpio-cluster-${name}-${port}`

const layerPipeClient = (name: string) =>
  Layer.effect(
    Runners.RpcClientProtocol,
    Effect.gen(function*() {
      const serialization = yield* RpcSerialization.RpcSerialization
      const kernel = yield* Kernel
      return ({ port }) =>
        Effect.flatMap(NamedPipeSocket.make(pipeOf(name, port)), (socket) =>
          Effect.provideService(RpcClient.makeProtocolSocket(), Socket, socket)).pipe(
            Effect.provideService(Kernel, kernel),
            Effect.provideService(RpcSerialization.RpcSerialization, serialization)
          )
    })
  )

// --- the cluster

export interface Settings {
  readonly database: string
  readonly transport: Transport
  /** Names the pipes of one cluster. */
  readonly name: string
}

/** A killed runner's directories are taken over after so long. */
const LOCK = "4 seconds"

const sharding = (port: number | undefined) =>
  ShardingConfig.layer({
    runnerAddress: port === undefined ? Option.none() : Option.some(RunnerAddress.make("127.0.0.1", port)),
    shardsPerGroup: 60,
    shardLockExpiration: LOCK,
    shardLockRefreshInterval: "1 second",
    refreshAssignmentsInterval: "1 second",
    runnerHealthCheckInterval: "1 second",
    entityMessagePollInterval: "500 millis",
    entityReplyPollInterval: "100 millis",
    entityTerminationTimeout: "3 seconds"
  })

const layerStorage = Layer.mergeAll(Layer.orDie(SqlMessageStorage.layer), Layer.orDie(SqlRunnerStorage.layer))

/** A runner that listens on a port, or with none the client of a cluster. */
export const layerCluster = ({ database, name, transport }: Settings, port?: number) => {
  const client = transport === "pipe" ? layerPipeClient(name) : NodeClusterSocket.layerClientProtocol
  const server: Layer.Layer<SocketServer, SocketServerError, Kernel | ShardingConfig.ShardingConfig> =
    transport === "pipe"
      ? NamedPipeSocketServer.layer(pipeOf(name, port ?? 0))
      : NodeClusterSocket.layerSocketServer
  const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))
  const runner = port === undefined
    ? SocketRunner.layerClientOnly
    : SocketRunner.layer.pipe(Layer.provide([Layer.orDie(server), health]))
  return ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(runner),
    Layer.provide(client),
    Layer.provideMerge(layerStorage),
    Layer.provide(layerDatabase(database)),
    Layer.provide(sharding(port)),
    Layer.provide(RpcSerialization.layerMsgPack)
  )
}
