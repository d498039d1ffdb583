// The system's OpenSSL 3. Macros that Swift cannot import are wrapped below.
#ifndef MAILMIRROR_COPENSSL_SHIM_H
#define MAILMIRROR_COPENSSL_SHIM_H
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>

static inline long mm_SSL_set_tlsext_host_name(SSL *ssl, const char *name) {
  return SSL_set_tlsext_host_name(ssl, name);
}
static inline void mm_BIO_clear_retry_flags(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void mm_BIO_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline int mm_SSL_CTX_set_min_proto_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version);
}
static inline long mm_SSL_CTX_set_session_cache_mode(SSL_CTX *context, long mode) {
  return SSL_CTX_set_session_cache_mode(context, mode);
}
static inline void mm_SSL_CTX_set_client_options(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}
static inline void mm_print_name(BIO *out, X509_NAME *name) {
  X509_NAME_print_ex(out, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
}
/// Every name and address that the certificate is for, one in a line: `mail.example.org`, `IP 192.0.2.1`.
static inline void mm_print_certificate_names(BIO *out, X509 *certificate) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  int count = names ? sk_GENERAL_NAME_num(names) : 0;
  int printed = 0;
  for (int index = 0; index < count && printed < 20; index++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name->type == GEN_DNS) {
      BIO_write(out, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
      BIO_write(out, "\n", 1);
      printed++;
    } else if (name->type == GEN_IPADD) {
      const unsigned char *octets = ASN1_STRING_get0_data(name->d.iPAddress);
      int length = ASN1_STRING_length(name->d.iPAddress);
      if (length == 4) {
        BIO_printf(out, "IP %d.%d.%d.%d\n", octets[0], octets[1], octets[2], octets[3]);
      } else if (length == 16) {
        BIO_printf(out, "IP ");
        for (int at = 0; at < 16; at += 2) BIO_printf(out, at ? ":%x" : "%x", octets[at] << 8 | octets[at + 1]);
        BIO_printf(out, "\n");
      }
      printed++;
    }
  }
  GENERAL_NAMES_free(names);
  if (printed == 0) {
    char common_name[256];
    int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common_name, sizeof common_name);
    if (length > 0) BIO_printf(out, "%s\n", common_name);
  }
}
static inline long mm_BIO_set_mem_eof_return(BIO *bio, int value) { return BIO_set_mem_eof_return(bio, value); }
#endif
