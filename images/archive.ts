// Images as archives that container runtimes load: an OCI layout, with the manifest that older engines read beside it.
import { createHash, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Architecture } from "./contents.ts";
import { type Entry, entriesOf, tarOf } from "./tar.ts";

const mediaTypes = {
  config: "application/vnd.oci.image.config.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  manifest: "application/vnd.oci.image.manifest.v1+json",
} as const;

/** A layer as it is kept: compressed, in a file. */
export interface PackedLayer {
  readonly name: string;
  readonly path: string;
  readonly digest: string;
  readonly size: number;
  /** Of what is unpacked. */
  readonly diffId: string;
  readonly unpackedSize: number;
}

/** Packs a directory into a file, by default as small as gzip can. */
export async function packLayer(name: string, directory: string, path: string, level = 9): Promise<PackedLayer> {
  const [unpacked, packed] = [new Meter(), new Meter()];
  const entries = await entriesOf(directory);
  await pipeline(
    unpacked.pass(tarOf(entries)),
    createGzip({ level }),
    (chunks) => packed.pass(chunks),
    createWriteStream(path),
  );
  const [{ digest, size }, { digest: diffId, size: unpackedSize }] = [packed, unpacked];
  return { name, path, digest, size, diffId, unpackedSize };
}

class Meter {
  size = 0;
  readonly #hash: Hash = createHash("sha256");

  async *pass(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      this.size += chunk.length;
      yield chunk;
    }
  }

  get digest(): string {
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly bytes: () => Promise<Uint8Array>;
}

function jsonBlob(value: unknown): Blob {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { digest, size: bytes.length, bytes: async () => bytes };
}

/** What a runtime is told of an image. */
export interface Description {
  readonly name: string;
  readonly tag: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

function configOf(image: Description, architecture: Architecture, layers: readonly PackedLayer[]): Blob {
  return jsonBlob({
    architecture,
    os: "linux",
    config: {
      User: image.user,
      Env: Object.entries(image.environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: image.entrypoint,
      WorkingDir: "/",
      Labels: { "org.opencontainers.image.version": image.tag },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ name }) => ({ created_by: `berth: make images, ${name}` })),
  });
}

/** Writes an image to a file; the digest of its manifest, by which registries and runtimes know it. */
export async function writeArchive(
  image: Description,
  architecture: Architecture,
  layers: readonly PackedLayer[],
  path: string,
): Promise<string> {
  const config = configOf(image, architecture, layers);
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: layers.map((layer) => descriptor(mediaTypes.layer, layer)),
  });
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      {
        ...descriptor(mediaTypes.manifest, manifest),
        platform: { architecture, os: "linux" },
        annotations: {
          // containerd takes the one, and all others the other.
          "io.containerd.image.name": `${image.name.includes("/") ? "" : "docker.io/library/"}${image.name}:${image.tag}`,
          "org.opencontainers.image.ref.name": image.tag,
        },
      },
    ],
  };
  const legacy = [
    {
      Config: blobPath(config),
      RepoTags: [`${image.name}:${image.tag}`],
      Layers: layers.map(blobPath),
    },
  ];
  const blobs = [
    config,
    manifest,
    ...layers.map((layer) => ({ ...layer, bytes: async () => await readFile(layer.path) })),
  ];
  const entries = [
    ...blobs.map((blob) => file(blobPath(blob), blob.bytes)),
    ...[
      ["index.json", index],
      ["manifest.json", legacy],
      ["oci-layout", { imageLayoutVersion: "1.0.0" }],
    ].map(([name, value]) => file(name as string, jsonBlob(value).bytes)),
  ];
  await pipeline(tarOf(entries), createWriteStream(path));
  return manifest.digest;
}

function descriptor(mediaType: string, { digest, size }: Pick<Blob, "digest" | "size">): object {
  return { mediaType, digest, size };
}

function blobPath({ digest }: Pick<Blob, "digest">): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function file(path: string, bytes: () => Promise<Uint8Array>): Entry {
  return { kind: "file", path, mode: 0o644, bytes };
}
