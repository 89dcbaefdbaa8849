public import Bytes
public import Conversion

/// What a model takes, before anything is fetched, written or run.
public struct ModelEstimate: Sendable {
  /// A form that the weights may have, and what it takes; or why there is none.
  public struct Form: Sendable {
    public let name: String
    public let size: Result<WeightSize, FileError>
    /// Weights, cache and activations at the context that is asked for, in bytes.
    public let total: Double?
    /// The same at each of `contexts`.
    public let totals: [Double]
    /// The longest context that fits into each of the memories that are asked for; nil where not even one token does.
    public let longestContexts: [Int?]
  }

  /// What could be run in a memory that none of `forms` fits into.
  public struct Alternative: Sendable {
    public let memory: Int
    /// The largest other form that runs `context` tokens, else the one that runs the most; where none fits, the smallest of all.
    public let size: WeightSize
    /// nil where it does not fit either.
    public let longestContext: Int?
  }

  /// What is beside the weights at a context.
  public struct Context: Sendable {
    public let tokens: Int
    public let cache: Double
    public let activations: Double
  }

  /// What training takes.
  public struct Training: Sendable {
    public let method: MemoryNeeds.Training
    /// Numbers that are trained.
    public let trained: Double
    public let total: Double
  }

  /// What is asked for.
  public struct Request: Sendable {
    /// Tokens of a sequence; nil for several usual lengths, and totals at one of them.
    public var context: Int?
    /// Sequences side by side.
    public var batch = 1
    /// Tokens of a sequence that are computed together.
    public var tokensTogether = 512
    /// Bytes that there may be, for as many answers.
    public var memories: [Int] = []
    /// Rank of adapters.
    public var rank = 16

    public init() {}
  }

  public let request: Request
  /// Tokens that totals are told for.
  public let context: Int
  public let parameterCount: Int
  public let needs: MemoryNeeds
  public let forms: [Form]
  /// For each memory that no form fits into.
  public let alternatives: [Alternative]
  /// Places in `request.memories` of those that some form fits into.
  public var fittingMemories: [Int] {
    request.memories.indices.filter { number in forms.contains { $0.longestContexts[number] != nil } }
  }
  public let contexts: [Context]
  public let trainings: [Training]
  /// Why there are no others.
  public let trainingRefusals: [(method: MemoryNeeds.Training, error: FileError)]

  /// - Parameters:
  ///   - forms: what they are called, with recipe and container.
  ///   - others: forms to name where none of those fits.
  ///   - trained: recipes of the model that is trained as a whole or carries adapters, and of that which carries them in 4 bits.
  /// - Throws: `FileError` for a model that is not known; forms that it cannot have are told as such.
  public init(
    of checkpoint: Checkpoint, _ forms: [(name: String, recipe: Recipe, container: Container)],
    others: [(name: String, recipe: Recipe, container: Container)] = [],
    training: (half: Recipe, nested: Recipe), _ request: Request, workers: Int
  ) throws(FileError) {
    let needs = try MemoryNeeds(of: try checkpoint.requireModel(), path: checkpoint.path)
    self.needs = needs
    self.request = request
    parameterCount = checkpoint.parameterCount
    let usual = [2048, 8192, 32768, 131_072, 524_288].filter { $0 < needs.contextLength } + [needs.contextLength]
    let context = request.context ?? usual.last { $0 <= 8192 } ?? usual[0]
    self.context = context
    func beside(_ tokens: Int) -> Context {
      Context(
        tokens: tokens,
        cache: needs.cache(context: tokens, sequences: request.batch),
        activations: needs.activations(
          tokens: min(tokens, request.tokensTogether) * request.batch, sequences: request.batch))
    }
    let contexts = (request.context.map { [$0] } ?? usual).map(beside)
    self.contexts = contexts
    let here = beside(context)
    func size(_ form: (name: String, recipe: Recipe, container: Container)) -> Result<WeightSize, FileError> {
      Result { () throws(FileError) in
        try WeightSize(
          of: checkpoint, as: form.name, recipe: form.recipe, container: form.container, workers: workers)
      }
    }
    func longestContext(_ weights: WeightSize, in memory: Int) -> Int? {
      needs.longestContext(
        memory: memory, weights: weights.byteCount, tokens: request.tokensTogether * request.batch,
        sequences: request.batch)
    }
    self.forms = forms.map { form in
      let size = size(form)
      let weights = try? size.get()
      return Form(
        name: form.name, size: size,
        total: weights.map { Double($0.byteCount) + here.cache + here.activations },
        totals: weights.map { weights in contexts.map { Double(weights.byteCount) + $0.cache + $0.activations } } ?? [],
        longestContexts: request.memories.map { memory in weights.flatMap { longestContext($0, in: memory) } })
    }
    let asked = self.forms
    let tooSmall = request.memories.enumerated().filter { number, _ in
      asked.allSatisfy { $0.longestContexts[number] == nil }
    }
    // The largest first: of what fits it is the closest to the model.
    let sizes =
      tooSmall.isEmpty
      ? []
      : (asked.map(\.size) + others.map(size)).compactMap { try? $0.get() }.sorted { $0.byteCount > $1.byteCount }
    alternatives = tooSmall.compactMap { _, memory in
      let fitting = sizes.compactMap { size in longestContext(size, in: memory).map { (size, $0) } }
      let chosen = fitting.first { $0.1 >= min(context, needs.contextLength) } ?? fitting.max { $0.1 < $1.1 }
      return (chosen?.0 ?? sizes.last).map { Alternative(memory: memory, size: $0, longestContext: chosen?.1) }
    }
    // Rows that no block fits leave a model without a form in 4 bits.
    let (half, nested) = (
      size(("bf16", training.half, .safetensors)), size(("nf4", training.nested, .safetensors))
    )
    let factors = needs.adapterParameterCount(rank: request.rank)
    let batch = request.batch
    var (trainings, refusals) = ([Training](), [(method: MemoryNeeds.Training, error: FileError)]())
    for method in MemoryNeeds.Training.allCases {
      let size = method == .qlora ? nested : half
      switch size {
      case .success(let size):
        let trained = method == .full ? Double(size.parameterCount) : factors
        trainings.append(
          Training(
            method: method, trained: trained,
            total: Double(method == .full ? 0 : size.byteCount)
              + needs.training(trained: trained, context: context, batch: batch)))
      case .failure(let error): refusals.append((method, error))
      }
    }
    self.trainings = trainings
    trainingRefusals = refusals
  }
}
