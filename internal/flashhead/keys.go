// Package flashhead is the file format: the metadata keys that turn a GGUF into a converted one
// (specified in docs/gguf-format.md), and the checks that the runtime makes on them.
package flashhead

// FormatVersion is the value of KeyVersion that this package reads and writes.
const FormatVersion = 1

// The keys. Prefix is common to all; unknown keys below it are ignored by readers.
const (
	Prefix = "flashhead."

	KeyVersion      = Prefix + "version"       // u32: FormatVersion
	KeyClusterCount = Prefix + "cluster_count" // u32: K, the number of clusters
	KeyAssignments  = Prefix + "assignments"   // arr[u32], V entries: cluster of every token
	KeyProbeCount   = Prefix + "probe_count"   // u32: P, clusters scored exactly per token, 1..K
	KeyPinnedTokens = Prefix + "pinned_tokens" // arr[u32]: tokens that are always scored exactly
	KeyCentroidType = Prefix + "centroid_type" // str: ggml type name of the centroids, e.g. "q4_0"

	// The sketch: all three or none.
	KeySketchRank = Prefix + "sketch_rank" // u32: a multiple of 8, 8..64
	KeySketchRows = Prefix + "sketch_rows" // arr[f32], [rank][D]: directions for the rows' residuals
	// arr[f32], [rank][D]: the matching directions for the activations
	KeySketchActivations = Prefix + "sketch_activations"

	// Provenance: read by people and tools, never by the runtime. The four of a clustering are absent from an imported
	// map.
	KeyTensor       = Prefix + "tensor"        // str: name of the clustered tensor
	KeyImportedFrom = Prefix + "imported_from" // str: format of the assets that the map came from
	KeyClusterSize  = Prefix + "cluster_size"  // u32: tokens a cluster, as asked for
	KeySeed         = Prefix + "seed"          // u32
	KeyIterations   = Prefix + "iterations"    // u32
	KeyObjective    = Prefix + "objective"     // f32: mean of 1 - cosine(row, centroid)
	KeyToolVersion  = Prefix + "tool_version"  // str
	KeySourceSHA256 = Prefix + "source_sha256" // str: lower-case hex digest of the whole source file

	// What a calibration worked with and what it found; absent where there was none.
	calibration = Prefix + "calibration."

	KeyTextSHA256    = calibration + "text_sha256"    // str: lower-case hex digest of the text
	KeyTextName      = calibration + "text_name"      // str: its file's name, without the folder
	KeyTokens        = calibration + "tokens"         // u32: positions whose activations were used, held-out ones included
	KeyHeldOut       = calibration + "held_out"       // u32: positions kept aside, on which the following was measured
	KeyTarget        = calibration + "target"         // f32: agreement that was asked for
	KeyAgreement     = calibration + "agreement"      // f32: share where the dense head's best token is scored exactly
	KeyAgreementLow  = calibration + "agreement_low"  // f32: its 95 % confidence interval (Wilson)
	KeyAgreementHigh = calibration + "agreement_high" // f32
	// f32: share of the dense head's 40 best tokens that are scored exactly
	KeyTop40       = calibration + "top_40"
	KeyPinnedFound = calibration + "pinned"  // u32: tokens that were pinned for the sake of this text
	KeyReached     = calibration + "reached" // bool: agreement is at least the target
)
