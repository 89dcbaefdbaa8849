public import Bytes
public import JSON
public import Tensors

/// A model as its family understands it: what others ask about it, without knowing of which family it is. Pure: names,
/// shapes and settings in, values out.
public protocol Model: Sendable {
  /// The class of `transformers` that computes this.
  var className: String { get }
  /// Value of `general.architecture` in a GGUF.
  var ggufArchitecture: String { get }
  var layerCount: Int { get }
  /// Tokens of the longest context that it was trained for.
  var contextLength: Int { get }
  /// Query heads that share a key and value head.
  var queriesPerKey: Int { get }
  /// All that it computes, in words that are the same for the same model and for no other.
  var arithmetic: String { get }
  /// Experts of a layer; 0 where there are none.
  var expertCount: Int { get }
  /// Rows of the token embedding.
  var vocabularySize: Int { get set }
  /// Whether the output head is the token embedding.
  var tiesHead: Bool { get set }
  /// Whether there is an output head at all: a bare model is saved without.
  var hasHead: Bool { get set }
  /// Whether what it computes leaves the range of F16, so that a folder of that type gives no numbers.
  var needsWideRange: Bool { get }
  /// What a person should know of it, a line each: label and text.
  var overview: [(label: String, text: String)] { get }

  /// Names in the Hugging Face form of the token embedding and of the output head, which may be tied.
  var tiedTensors: (embedding: String, head: String) { get }

  /// The name in the Hugging Face form of a tensor that was saved with another beginning: without `model.`, or with what
  /// wrappers of a training left in it. Nil for one the family does not know.
  func usualName(of stored: String) -> String?

  /// Whether the model has no place for a tensor of the Hugging Face form, so that `transformers` computes without it.
  func leavesOut(_ name: String) -> Bool

  /// Whether a tensor of the Hugging Face form belongs to another part of a composite model, such as its vision tower.
  func isForeign(_ name: String) -> Bool

  /// What linear layer a tensor of the Hugging Face form is the weight of; nil for the head, and for any other tensor.
  func linearLayer(_ name: String) -> LinearLayer?

  /// Whether a weight of the Hugging Face form is stored `[in, out]`.
  func isStoredTransposed(_ name: String) -> Bool

  /// How tensors of the Hugging Face form come from themselves where the inner neurons of a feed-forward network are in
  /// another order, so that the columns of its last product may be.
  /// - Parameters:
  ///   - order: the neuron at each place.
  ///   - down: the weight of that product.
  /// - Returns: nil where that is no such weight, or its neighbours cannot be reordered.
  func reordering(_ order: [Int], neuronsOf down: String) -> [NamedDerivation]?

  /// Name, shape and necessity of every tensor of the Hugging Face form.
  /// - Parameter most: where more than so many are necessary, the rest is not listed.
  func expectedTensors(most: Int) -> [ExpectedTensor]

  /// How each tensor of the Hugging Face form comes from the tensors of a GGUF with these names.
  /// - Throws: `FileError` for a name the family does not know.
  func huggingFaceTensors(fromGGUF names: [String], path: String) throws(FileError) -> [NamedDerivation]

  /// How each tensor of the GGUF comes from tensors of the Hugging Face form with these names, those of the
  /// configuration aside.
  /// - Throws: `FileError` for a name the family does not know.
  func ggufTensors(fromHuggingFace names: [String], path: String) throws(FileError) -> [NamedDerivation]

  /// Names of the tensors that a GGUF has for hyperparameters, and the Hugging Face form has not.
  var configurationTensorNames: [String] { get }

  /// Those that a GGUF of this model needs.
  /// - Throws: `FileError` for what was not understood when it was read, or what a GGUF cannot say.
  func configurationTensors(path: String) throws(FileError) -> [NamedDerivation]

  /// - Throws: `FileError` where llama.cpp would look for another head in a GGUF of this model than it has.
  func checkGGUFHead(path: String) throws(FileError)

  /// What llama.cpp computes otherwise of a GGUF of this model, since it passes over what the GGUF says; a sentence each.
  var ggufNotes: [String] { get }

  /// Keys of config.json that are not known, in a file of a version of transformers that reads none of that name.
  var unknownSettings: [String] { get }

  /// The hyperparameters as GGUF metadata, in the order they are written.
  /// - Throws: `FileError` for what was not understood when it was read, or what a GGUF cannot say.
  func metadata(path: String) throws(FileError) -> [(key: String, value: MetadataValue)]

  /// What config.json needs so that this model is read from it, tokenizer ids aside.
  /// - Throws: `FileError` naming what of the model at `path` config.json has no word for.
  func config(path: String) throws(FileError) -> [String: JSONValue]

  /// Makes a config.json that somebody else wrote say what the weights beside it will be.
  func correct(_ config: inout [String: JSONValue])

  /// This model, which a GGUF says, with what only the config.json tells that is kept in it: nil where the two do not
  /// agree.
  func completed(by kept: any Model) -> (any Model)?

  /// Whether config.json would have to list what the GGUF says as RoPE of another kind.
  var listsRopeFactors: Bool { get }

  /// What computes the model.
  /// - Throws: `FileError` for what cannot be run.
  func forwardPass(path: String) throws(FileError) -> ForwardPass
}

extension Model {
  /// Name, shape and necessity of every tensor of the Hugging Face form.
  public var expectedTensors: [ExpectedTensor] { expectedTensors(most: .max) }
}
