import MailModel
import SASL
import Testing

@testable import POP3Protocol

/// The mechanisms of AUTH (RFC 5034), each as a transcript.
@Suite struct MechanismTests {
  /// RFC 7677 section 3.
  @Test("SCRAM-SHA-256, whole and octet by octet", arguments: [Int.max, 1]) func scram(step: Int) throws {
    var script = Script(nonce: "rOprNGfwEbeRWgbNEkqO", step: step)
    _ = try script.says("+OK")
    #expect(try script.says("+OK\nUSER\nSASL SCRAM-SHA-256 PLAIN\n\(ready).") == ["<password>"])
    #expect(
      script.password() == [
        "AUTH SCRAM-SHA-256 " + Base64.encode(Array("n,,n=user,r=rOprNGfwEbeRWgbNEkqO".utf8)) + "\n"
      ])
    let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    let last =
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    #expect(try script.says("+ " + Base64.encode(Array(first.utf8))) == [Base64.encode(Array(last.utf8)) + "\n"])
    let signature = Base64.encode(Array("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".utf8))
    #expect(try script.says("+ \(signature)") == ["\n"])
    #expect(try script.says("+OK") == ["<established>"])
  }

  @Test("a SCRAM server that does not prove itself is an impostor; an early +OK as well") func impostor() throws {
    var script = Script(mechanisms: ["scram-sha-256"])
    _ = try script.says("+OK")
    _ = try script.says("+OK\nSASL SCRAM-SHA-256\n\(ready).")
    _ = script.password()
    #expect(try script.says("+OK in") == ["<fail>"])
  }

  @Test("LOGIN where there is nothing better, and by name before USER") func login() throws {
    for (mechanisms, capabilities) in [(nil, ""), (["login"], "USER\n")] as [([String]?, String)] {
      var script = Script(mechanisms: mechanisms)
      _ = try script.says("+OK")
      _ = try script.says("+OK\n\(capabilities)SASL LOGIN\n\(ready).")
      #expect(script.password() == ["AUTH LOGIN\n"])
      #expect(try script.says("+ VXNlcm5hbWU6") == ["dXNlcg==\n"])
      #expect(try script.says("+ UGFzc3dvcmQ6") == ["cGVuY2ls\n"])
      #expect(try script.says("+OK") == ["<established>"])
    }
    var early = Script()
    _ = try early.says("+OK")
    _ = try early.says("+OK\nSASL LOGIN\n\(ready).")
    _ = early.password()
    #expect(try early.says("+OK") == ["<fail>"])
  }

  /// RFC 2195 section 2.
  @Test("CRAM-MD5") func cramMD5() throws {
    var script = Script(mechanisms: ["cram-md5"], user: "tim")
    _ = try script.says("+OK")
    _ = try script.says("+OK\nSASL CRAM-MD5\n\(ready).")
    #expect(script.password("tanstaaftanstaaf") == ["AUTH CRAM-MD5\n"])
    #expect(
      try script.says("+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
        == ["dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\n"])
    #expect(try script.says("+OK") == ["<established>"])
  }

  @Test("XOAUTH2 on the line, and after a challenge as Outlook wants it", arguments: [true, false]) func xoauth2(
    onTheLine: Bool
  ) throws {
    let token = String(repeating: "t", count: 1_500)
    let initial = Base64.encode(Array("user=user\u{1}auth=Bearer \(token)\u{1}\u{1}".utf8))
    for accepts in [true, false] {
      var script = Script(credential: .token, tokenForm: onTheLine ? .atOnce : .afterChallenge)
      _ = try script.says("+OK")
      #expect(try script.says("+OK\nUSER\nSASL PLAIN XOAUTH2\n\(ready).") == ["<password>"])
      if onTheLine {
        #expect(script.password(token) == ["AUTH XOAUTH2 \(initial)\n"])
      } else {
        #expect(script.password(token) == ["AUTH XOAUTH2\n"])
        #expect(try script.says("+ ") == ["\(initial)\n"])
      }
      if accepts {
        #expect(try script.says("+OK") == ["<established>"])
      } else {
        #expect(try script.says("+ eyJzdGF0dXMiOiI0MDEifQ==") == ["\n"])
        #expect(try script.says("-ERR [AUTH] no: \(token)") == ["<fail>"])
        #expect(script.failure == .session(.authenticationRefused("no: (secret)")))
      }
    }
  }

  @Test("OAUTHBEARER keeps to lines of 255 octets") func oauthBearer() throws {
    for (length, isLong) in [(20, false), (500, true)] {
      var script = Script(credential: .token)
      _ = try script.says("+OK")
      _ = try script.says("+OK\nSASL OAUTHBEARER XOAUTH2\n\(ready).")
      let sent = script.password(String(repeating: "t", count: length))
      #expect((sent == ["AUTH OAUTHBEARER\n"]) == isLong)
      #expect(try isLong ? script.says("+ ").count == 1 : true)
    }
  }

  @Test("EXTERNAL sends an authorization identity and asks for no password") func external() throws {
    var script = Script(credential: .none)
    _ = try script.says("+OK")
    #expect(try script.says("+OK\nSASL EXTERNAL\n\(ready).") == ["AUTH EXTERNAL dXNlcg==\n"])
  }
}
