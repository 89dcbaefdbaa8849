internal import Architectures
public import Bytes
internal import Tensors

extension Checkpoint {
  /// This model with an adapter in it.
  ///
  /// A head that is tied to the embedding becomes a weight of its own where the adapter leaves the two apart, so that the
  /// result computes what PEFT's model does with the adapter unmerged. A vocabulary of another size is the adapter's.
  /// - Throws: `FileError` naming the adapter's tensor that does not fit.
  public func adding(_ adapter: Adapter) throws(FileError) -> Checkpoint {
    try adapter.checkArchitecture(of: self)
    let number = inputs.count
    let isTied = model?.tiesHead ?? false
    // Looked at apart, and tied again where nothing has set them apart.
    var result = untying()
    result.inputs = inputs.appending(adapter.path, tensors: adapter.tensors)
    let names = model?.tiedTensors
    let adapted = try AdaptedTensors(
      adapter, on: result.tensors, of: model, inputs: result.inputs, input: number)
    result.tensors = adapted.tensors
    if isTied {
      if adapted.hasTwins {
        (result.model, result.unmergedTensors) = (model, unmergedTensors)
        result.tensors.removeAll { $0.name == names?.head }
      } else {
        result.notes.append(
          "the adapter \(adapter.path) sets the head apart from the embedding, which the model ties: the output has a "
            + "head of its own (tie_word_embeddings: false), and computes what PEFT does without merging")
      }
    }
    try result.takeVocabulary(of: adapter, names)
    result.adapters.append(adapter)
    return result
  }

  /// Follows an adapter whose embedding has another number of rows than the model's.
  private mutating func takeVocabulary(
    of adapter: Adapter, _ names: (embedding: String, head: String)?
  ) throws(FileError) {
    guard let names, let before = model?.vocabularySize,
      let rows = try tensor(named: names.embedding)?.shape.first
    else { return }
    if let head = try tensor(named: names.head)?.shape.first, head != rows {
      throw FileError(
        .mismatch, path: adapter.path,
        "leaves the model with an embedding of \(rows) rows and a head of \(head); an adapter with another vocabulary has "
          + "to hold both whole. Save it again with save_embedding_layers=True")
    }
    if rows != before {
      model?.vocabularySize = rows
      notes.append("the vocabulary is that of the adapter \(adapter.path), with \(rows) rows; the model has \(before)")
    }
    guard rows != before || adapter.trainsTokens else { return }
    if let folder = try adapter.tokenizerFolder {
      tokenizerFolder = folder
      notes.append("the tokenizer is that of the adapter \(adapter.path)")
    } else if rows != before {
      notes.append(
        "the adapter \(adapter.path) has another vocabulary than the model and no tokenizer beside it; the output has the "
          + "model's, which does not know the tokens that were added")
    }
  }
}
