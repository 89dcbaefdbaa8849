/// What can be done about a failure, or about what a note says. In the words of these libraries; a program that has
/// names of its own for it says them instead.
public enum Remedy: Hashable, Sendable {
  /// Let the output replace what is there.
  case replaceExisting
  /// Give the tensor another type.
  case chooseType
  /// Allow a type with smaller blocks where rows fit none.
  case allowFallback
  /// Take groups of another size, or refuse types that do not fit.
  case chooseGroups
  /// Put columns in act-order in the order of their groups.
  case undoActOrder
  /// Refuse types that do not fit, rather than to store others.
  case refuseFallback
  /// Store values that are NaN or infinite unquantized.
  case keepNonFinite
  /// Write no record of how the output was made.
  case leaveOutProvenance
  /// Name a tokenizer.
  case nameTokenizer
  /// Name the way text is cut into words.
  case namePreTokenizer
  /// Name the adapters.
  case nameAdapters
  /// Name the model that an adapter is for.
  case nameBase
  /// Name the importance matrix.
  case nameImportanceMatrix
  /// Name the calibration.
  case nameCalibration
  /// Give the model a name.
  case nameModel
  /// Divide the output into shorter files.
  case divideFiles
  /// Make a GGUF of it.
  case makeGGUF
  /// Allow more memory.
  case allowMemory
  /// See which classes of models are known.
  case seeFamilies
  /// Run the job again: it goes on where it stopped.
  case goOn
  /// Make a part of an output again.
  case makePartAgain

  /// What to do, as the end of a sentence.
  public var sentence: String {
    switch self {
    case .replaceExisting: "a destination that replaces what exists takes its place"
    case .chooseGroups: "take groups of another size, or refuse what does not fit"
    case .chooseType: "give it another type with an override of the recipe"
    case .allowFallback:
      "a recipe that does not refuse fallbacks stores it so, or give it another type with an override"
    case .undoActOrder: "a recipe that undoes act-order keeps them, with the network's neurons in another order"
    case .refuseFallback: "a recipe that refuses fallbacks does not let that pass"
    case .keepNonFinite: "a recipe can keep such tensors unquantized"
    case .leaveOutProvenance: "a destination that records no provenance leaves it out"
    case .nameTokenizer: "name a tokenizer"
    case .namePreTokenizer: "if it cuts as a known one does, name that one"
    case .nameAdapters: "give each adapter"
    case .nameBase: "name the model that it is for"
    case .nameImportanceMatrix, .nameCalibration: "give it"
    case .nameModel: "a recipe can name it"
    case .divideFiles: "a maximum size of files divides them"
    case .makeGGUF: "make the output a GGUF"
    case .allowMemory: "allow more"
    case .seeFamilies: "the list of families has those that are known"
    case .goOn: "the same plan goes on where it stopped, unless told not to resume"
    case .makePartAgain: "a plan that replaces what exists does that"
    }
  }
}
