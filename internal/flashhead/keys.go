// Package flashhead is the file format: the metadata keys that make a GGUF file a converted one (docs/gguf-format.md),
// and the runtime's checks of them.
package flashhead

// FormatVersion is the value of KeyVersion that this package reads and writes.
const FormatVersion = 2

// The keys. Prefix is common to all; unknown keys below it are ignored by readers.
const (
	Prefix = "flashhead."

	KeyVersion      = Prefix + "version"       // u32: FormatVersion
	KeyClusterCount = Prefix + "cluster_count" // u32: K, the number of clusters
	KeyAssignments  = Prefix + "assignments"   // arr[u32], V entries: cluster of every token
	KeyProbeCount   = Prefix + "probe_count"   // u32: P, clusters scored exactly per token, 1..K
	KeyPinnedTokens = Prefix + "pinned_tokens" // arr[u32]: tokens that are always scored exactly
	KeyCentroidType = Prefix + "centroid_type" // str: ggml type name of the centroids, e.g. "q4_0"

	// The codes: all or none. n is the number of directions, D the columns of the head.
	KeyCoarseBits      = code + "coarse_bits" // u32: per token, a multiple of 8, 8..256
	KeyFineBytes       = code + "fine_bytes"  // u32: per token, a multiple of 32, 0..2048
	KeyNearTokens      = code + "near_tokens" // u32: tokens whose fine code is read, at least; 1..V
	KeyTolerance       = code + "tolerance"   // f32: largest expected divergence, nats; optional: 0, no limit
	KeyCodeVariances   = code + "variances"   // arr[f32], [n]: mean squares of the residuals' products with rows
	KeyCodeRows        = code + "rows"        // arr[f32], [n][D]: directions for the rows' residuals
	KeyCodeActivations = code + "activations" // arr[f32], [n][D]: the matching directions for the activations
	KeyCodeWeights     = code + "weights"     // arr[f32], [D]: mean squares of the activations' columns
	code               = Prefix + "code."

	// Provenance, for people and tools; the runtime ignores it. The four keys of a clustering are absent from an imported
	// map.
	KeyTensor       = Prefix + "tensor"        // str: name of the clustered tensor
	KeyImportedFrom = Prefix + "imported_from" // str: format of the assets that the map came from
	KeyClusterSize  = Prefix + "cluster_size"  // u32: requested tokens per cluster
	KeySeed         = Prefix + "seed"          // u32
	KeyIterations   = Prefix + "iterations"    // u32
	KeyObjective    = Prefix + "objective"     // f32: mean of 1 - cosine(row, centroid)
	KeyToolVersion  = Prefix + "tool_version"  // str
	KeySourceSHA256 = Prefix + "source_sha256" // str: lower-case hex digest of the whole source file

	// The inputs and results of a calibration; absent without one.
	calibration = Prefix + "calibration."

	KeyTextSHA256 = calibration + "text_sha256"  // str: lower-case hex digest of all texts
	KeyTextName   = calibration + "text_name"    // str: builtin, or the names of further files after it
	KeyTokens     = calibration + "tokens"       // u32: positions whose activations were used, held-out ones included
	KeyHeldOut    = calibration + "held_out"     // u32: held-out positions, on which the results were measured
	KeyMeanNear   = calibration + "near_tokens"  // f32: tokens whose fine code is read, on average
	KeyMeanExact  = calibration + "exact_tokens" // f32: tokens that are scored exactly, on average

	// Results of each group of kinds of text, in parallel arrays.
	KeyKinds         = calibration + "kinds"     // arr[str]: names of the groups
	KeyKindPositions = calibration + "positions" // arr[u32]: positions kept aside
	KeyKindSame      = calibration + "same_top"  // arr[f32]: share where both heads have the same best token
	KeyKindError     = calibration + "kld_error" // arr[f32]: standard error of kld over chunks of text
	KeyKindKLD       = calibration + "kld"       // arr[f32]: mean Kullback-Leibler divergence from the dense head, nats

	// Targets for every group; absent without targets.
	KeyTargetAgreement = calibration + "target_agreement" // f32: least same_top
	KeyTargetKLD       = calibration + "target_kld"       // f32: greatest kld
	KeyReached         = calibration + "reached"          // bool: every group meets the targets

	// Of a map file (package mapfile) only: what it belongs to, besides KeyTensor and KeySourceSHA256.
	mapFile = Prefix + "map."

	KeyMapShard    = mapFile + "shard"      // u32: index from 0 of the model's file that holds the head
	KeyMapFileSize = mapFile + "file_size"  // u64: bytes of that file
	KeyMapHead     = mapFile + "head_xxh64" // u64: XXH64, seed 0, of the bytes of the head's tensor in that file
)
