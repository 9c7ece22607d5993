Return-Path: <dmarc-reports@bigpost.example>
Received: from mx.bigpost.example (mx.bigpost.example [192.0.2.200])
	by mail.example.com with ESMTPS; Sun, 08 Nov 2026 01:59:59 -0000
Date: Sun, 08 Nov 2026 01:59:59 -0000
From: Bigpost Inc. <dmarc-reports@bigpost.example>
To: dmarc@example.com
Subject: Report Domain: example.com Submitter: bigpost.example Report-ID: 1794009600.1873
Message-ID: <1794009600.1873@bigpost.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_1794009600.1873"

--=_1794009600.1873
Content-Type: text/plain; charset=utf-8

Aggregate reports, as your DMARC record asks for.

--=_1794009600.1873
Content-Type: application/gzip; name="bigpost.example!example.com!1794009600!1794095999.xml.gz"
Content-Disposition: attachment; filename="bigpost.example!example.com!1794009600!1794095999.xml.gz"
Content-Transfer-Encoding: base64

H4sIAAAAAAACA+1YTW/iMBC991cg7s1XSyHIdVd7WGnvu+fIOBOwSOzITmj779eu7ZACabvaUrFS
LhC/GXtmnt8LEujhqSonO5CKCX4/jYNoOgFORc74+n76+9eP68X0AV+hAiBfEbrFV5MJculYZ6PQ
L0xAQi1kk1XQkJw0xGAaFXKdcVIB/s7WtVDN5CenAQo72GZBRViJ84pIem3PUd9WdkMAT6SqS0Ch
TbIbXDGW43ie3kZRehdFQbyY36BwH7KpuhnIJOFrV0xDK1gz3tuJQov4OHB3bjpL01RX5v6w8PVp
XbX+1KgWJaPPWd2uSqY20DUi9AAcu3kCKip9nMVsAsm3rMIShfbBgaouXjDzbaEac8E1IbVbKw8o
j9S0wbGZyzxYqBBYr/XnS9unWtSkUiF9t1I8dnwo0UoKGatxnCZBFCRBrM/aoz6PipY3+GaGQvvk
cVcNdqRsNX+5DxhSmNK3zBqjIjtEH+nlGUZqopRO6Mhx0xcu0DHUm/Cgpr4wPxdiOfCGFUxruHfz
OyhFDVkjMG1VIyqQPQX2okc7Cimq15f7OuQ3bIDkIE+k9wOu2aMWEWmbTSZBtWWz7/qAkfeEZmmD
EmgjJDauSqLkTvPnoX2WreT4dYuO4n5Z1CP/wy1QTQ6uzMC6+Mvig5X3XggPCTHJXsYfUXQSRfEy
Xy2WcbRcJrNhWcfzUdajrP8XWcfpIpjF+j2t39ZvvKuT2+jLVV3om7kIVa/03BQCo5STGwf1zeFR
BWcV+XGFYaXzMv5HkZ/u4ZCX4Q628Dw/h88GLujyHRe/8TOSjI4bHTc67pMdlww77m403Gi40XCf
a7jFW38AnMtv1laX7Ddzj8EGyjoHtf0bv53VascNDQt9k59D5gO8fLXMUbj/L/MPVFgOqP4UAAA=
--=_1794009600.1873--
