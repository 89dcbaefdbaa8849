/// How long is waited for servers, and how often they are asked again.
struct Patience: Sendable {
  /// How often something is asked for in all. A server that was never reached is asked twice.
  var attempts = 6
  /// Before the second time; before every further one it is twice as long. A random half of it is left out.
  var firstWait = Duration.milliseconds(500)
  /// The longest that a server may ask for (Retry-After).
  var longestWait = Duration.seconds(120)
  var connectSeconds = 20
  /// A transfer slower than 1 kB a second for so long has stalled.
  var stallSeconds = 30

  /// Before the attempt with that number, from 1 on.
  func wait(beforeAttempt number: Int) -> Duration {
    let longest = firstWait * (1 << min(number - 1, 16))
    return min(longest, longestWait) * Double.random(in: 0.5...1)
  }
}
