internal import Architectures
internal import Bytes
internal import Tensors

/// An operation of a forward pass with its weights.
enum Step: Sendable {
  typealias Register = ForwardPass.Register

  case embed(any RowSource, scale: Float, to: Register)
  case addPositions(any RowSource, offset: Int)
  case normalize(LoadedNorm, from: Register, to: Register)
  case project([(layer: LinearLayer, to: Register)], from: Register, isAdded: Bool)
  case gate(gate: LinearLayer, up: LinearLayer, Activation, from: Register, to: Register)
  case activate(Activation, Register)
  case clamp(Register, Float)
  case attend(Attention, sinks: [Float]?, queryNorm: LoadedNorm?, keyNorm: LoadedNorm?)
  case mix(LoadedMixture, from: Register, to: Register)
  case scaleByGate(LinearLayer, from: Register, of: Register)
  case add(Register, to: Register, scale: Float)

  init(_ operation: ForwardPass.Operation, _ loader: WeightLoader) throws(FileError) {
    switch operation {
    case .embed(let weight, let scale, let to):
      self = .embed(try loader.tensor(weight), scale: scale, to: to)
    case .addPositions(let weight, let offset):
      self = .addPositions(try loader.tensor(weight), offset: offset)
    case .normalize(let norm, let from, let to):
      self = .normalize(try loader.norm(norm), from: from, to: to)
    case .project(let layers, let from, let isAdded):
      var loaded: [(layer: LinearLayer, to: Register)] = []
      for (layer, to) in layers { loaded.append((try loader.linear(layer), to)) }
      self = .project(loaded, from: from, isAdded: isAdded)
    case .gate(let gate, let up, let activation, let from, let to):
      self = .gate(gate: try loader.linear(gate), up: try loader.linear(up), activation, from: from, to: to)
    case .activate(let activation, let register):
      self = .activate(activation, register)
    case .clamp(let register, let limit):
      self = .clamp(register, limit)
    case .attend(let attention, let sinks, let queryNorm, let keyNorm):
      self = .attend(
        attention, sinks: try loader.vector(sinks), queryNorm: try queryNorm.map(loader.norm),
        keyNorm: try keyNorm.map(loader.norm))
    case .mix(let mixture, let from, let to):
      self = .mix(try LoadedMixture(mixture, loader), from: from, to: to)
    case .scaleByGate(let gate, let from, let of):
      self = .scaleByGate(try loader.linear(gate), from: from, of: of)
    case .add(let register, let to, let scale):
      self = .add(register, to: to, scale: scale)
    }
  }
}

/// A mixture of experts with its weights, one layer of each kind an expert.
struct LoadedMixture: Sendable {
  let experts: FeedForward.Experts
  let activation: Activation
  let size: Int
  let gates: [LinearLayer]?
  let ups: [LinearLayer]
  let downs: [LinearLayer]

  init(_ mixture: ForwardPass.Mixture, _ loader: WeightLoader) throws(FileError) {
    experts = mixture.experts
    activation = mixture.activation
    size = mixture.size
    gates = try mixture.gate.map { gate throws(FileError) in
      try loader.experts(gate, count: mixture.experts.count)
    }
    ups = try loader.experts(mixture.up, count: experts.count)
    downs = try loader.experts(mixture.down, count: experts.count)
  }
}
