internal import Bytes

extension Remedy {
  /// What to do in the words of the command line.
  var options: String {
    switch self {
    case .replaceExisting: "--force replaces it"
    case .chooseType: "`decant quantize` gives it another type with --tensor-type"
    case .allowFallback: "without --no-fallback it is stored so, or choose its type with --tensor-type"
    case .chooseGroups: "--group-size takes other groups, --no-fallback refuses what does not fit"
    case .undoActOrder: "--undo-act-order keeps them, with the network's neurons in another order"
    case .refuseFallback: "--no-fallback refuses that"
    case .keepNonFinite: "--allow-nonfinite keeps such tensors unquantized"
    case .leaveOutProvenance: "--no-provenance leaves it out"
    case .nameTokenizer: "name one with --tokenizer"
    case .namePreTokenizer: "if it cuts as a known one does, name that one with --pre-tokenizer"
    case .nameAdapters: "give each with --adapter"
    case .nameBase: "name the model that it is for with --base, to write it as a GGUF, or merge it into that"
    case .nameImportanceMatrix: "give it with --imatrix"
    case .nameCalibration: "give it with --calibration"
    case .nameModel: "--name gives it one"
    case .divideFiles: "--max-shard-size or --split-max-size divides it"
    case .makeGGUF: "name the output something.gguf, without --to"
    case .allowMemory: "--memory allows more"
    case .seeFamilies: "`decant inspect --help` lists those that are known"
    case .goOn: "the same command goes on where it stopped, --no-resume starts over"
    case .makePartAgain: "the command that made it does that with --force"
    }
  }
}
