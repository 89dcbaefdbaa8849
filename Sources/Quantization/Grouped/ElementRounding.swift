/// The type of the weight, in which some libraries compute. Values are rounded to it before anything else.
public enum ElementRounding: Hashable, Sendable, CaseIterable {
  case f32
  case f16
  case bf16
}
