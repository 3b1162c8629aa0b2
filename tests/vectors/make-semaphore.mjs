// Makes semaphore.json: identities, signatures, groups and nullifiers as Semaphore v4 itself makes them.
//
// Copy this file and package.json to an empty folder outside of the repository, then there:
//   npm install --ignore-scripts && node make-semaphore.mjs > semaphore.json
//
// Nullifiers are outputs of Semaphore's own circuit: its prover runs here, with its published
// artifacts, and each proof is verified before its nullifier is written down.

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Group, Identity, generateProof, verifyProof } from "@semaphore-protocol/core"

const require = createRequire(import.meta.url)
const artifacts = dirname(require.resolve("@zk-kit/semaphore-artifacts/package.json"))
const { devDependencies } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url)))
const P = 21888242871839275222246405745257275088548364400416034343698204186575808495617n

const utf8 = (text) => new TextEncoder().encode(text)
const hex = (bytes) => Buffer.from(bytes).toString("hex")
const point = ([x, y]) => [x.toString(), y.toString()]

const keys = [
    utf8("tacit test vector 1"),
    Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0)),
    Uint8Array.of(0),
    Uint8Array.from({ length: 32 }, () => 255),
    Uint8Array.from({ length: 33 }, (_, i) => i),
    Uint8Array.from({ length: 200 }, (_, i) => (7 * i + 3) % 256),
    utf8("Zoë Ångström 🗳")
]

const identities = keys.map((key) => {
    const identity = new Identity(key)
    return {
        key: hex(key),
        export: identity.export(),
        secret_scalar: identity.secretScalar.toString(),
        public_key: point(identity.publicKey),
        commitment: identity.commitment.toString()
    }
})

const messages = [0n, 1n, 123456789n, 2n ** 248n - 1n, P - 1n]
const signatures = keys.slice(0, 4).flatMap((key, identity) =>
    messages.map((message) => {
        const signer = new Identity(key)
        const { R8, S } = signer.signMessage(message)
        if (!Identity.verifySignature(message, { R8, S }, signer.publicKey)) throw new Error("bad signature")
        return { identity, message: message.toString(), r8: point(R8), s: S.toString() }
    })
)

const member = (i) => new Identity(utf8(`member ${i}`))
const group = (size) => new Group(Array.from({ length: size }, (_, i) => member(i).commitment))

const groups = [1, 2, 3, 5, 8, 30].map((size) => ({
    size,
    leaves: group(size).members.map(String),
    root: group(size).root.toString(),
    proofs: Array.from({ length: size }, (_, position) => {
        const { index, siblings } = group(size).generateMerkleProof(position)
        return { position, index, siblings: siblings.map(String) }
    })
}))

const cases = [
    { size: 1, position: 0, scope: 1n },
    { size: 2, position: 1, scope: 1n },
    { size: 5, position: 4, scope: P - 1n },
    { size: 5, position: 2, scope: 2n ** 256n - 1n },
    { size: 30, position: 29, scope: "a topic in text" }
]
const nullifiers = []
for (const { size, position, scope } of cases) {
    const merkleProof = group(size).generateMerkleProof(position)
    const depth = Math.max(merkleProof.siblings.length, 1)
    const proof = await generateProof(member(position), merkleProof, 1, scope, depth, {
        wasm: join(artifacts, `semaphore-${depth}.wasm`),
        zkey: join(artifacts, `semaphore-${depth}.zkey`)
    })
    if (!(await verifyProof(proof))) throw new Error("bad proof")
    nullifiers.push({
        size,
        position,
        ...(typeof scope === "string" ? { scope_text: scope } : { scope_integer: scope.toString(16).padStart(64, "0") }),
        root: proof.merkleTreeRoot,
        nullifier: proof.nullifier
    })
}

process.stdout.write(
    `${JSON.stringify({ made_with: devDependencies, identities, signatures, groups, nullifiers }, null, 1)}\n`
)
// The prover's worker threads would keep the process alive.
process.exit(0)
