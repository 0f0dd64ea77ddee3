//! Which segments an EDIFACT message has, and which elements a segment. Source: the public grammars of bots-edi for D.96A and
//! D.01B, which were made from the UN directories; CONTRL after the syntax version 3 message.
//!
//! One text serves D.96A and D.01B where the newer one only adds optional segments: what is added never means something else.

/// A message's structure in a version, such as `D:01B`.
pub(super) fn structure(message: &str, version: &str) -> Option<&'static str> {
    if message == "CONTRL" {
        return Some("UCI! UCM*(UCS*999(UCD*99))");
    }
    let newer = match version {
        "D:96A" => false,
        "D:01B" => true,
        _ => return None,
    };
    Some(match (message, newer) {
        ("DESADV", _) => {
            "BGM! DTM*10 ALI*5 MEA*5 MOA*5 CUX*9 RFF*10(DTM)
             NAD*99(LOC*10 RFF*10(DTM) CTA*10(COM*5)) TOD*10(LOC*5 FTX*5) TDT*10(PCD*6 TMD LOC*10(DTM*10))
             EQD*10(MEA*5 SEL*25 EQA*5 HAN*10(FTX*10))
             CPS*9999(FTX*5 QVR*9
               PAC*9999(MEA*10 QTY*10 HAN*10(FTX*10)
                 PCI*1000(RFF DTM*5 GIR*99(DTM*5) GIN*99(DLM*10) COD*99(MEA*9 QTY*9 PCD*9)))
               LIN*9999(PIA*10 IMD*25 MEA*10 QTY*10 ALI*10 GIN*100 GIR*100 DLM*100 DTM*5 NAD*99 TDT TMD HAN*20 FTX*99
                 MOA*5 RFF*99(NAD CTA DTM) DGS*9999(QTY FTX*5) LOC*100(NAD DTM QTY*10) SGP*1000(QTY*10)
                 PCI*9999(DTM*5 MEA*10 QTY GIN*10(DLM*100) HAN*10(FTX*5 GIN*1000)) QVR*10(DTM*5))) CNT*5"
        }
        ("RECADV", _) => {
            "BGM! DTM!*10 ALI*5 CUX*9 FTX*99 RFF*10(DTM GEI*99 MOA*99 ALC) DOC*10(CDI*10(INP*5))
             NAD!*99(LOC*10 RFF*10(DTM) CTA*10(COM*5)) TOD*10(CDI*10(INP*5) LOC*10(CDI*10)) TDT*10(DTM*10 CDI*20)
             EQD*9999(CDI*10(INP*5) SEL*25(CDI!*10) EQA*10(CDI*10(INP*5)))
             CPS*9999(PAC*9999(QVR PCI*999(RFF CDI*10(INP*5) GIN*999(CDI*10(INP*5))))
               LIN*9999(PIA*10 IMD*25 QTY*10 QVR*10 DTM*5 PRI FTX*99 NAD*99 CDI*10(INP*5) DOC*10(CDI*10(INP*5))
                 GIN*99(CDI*10(INP*5)) RFF*10(DTM GEI*99 MOA*99 ALC)
                 PCI*9999(QTY QVR CDI*10(INP*5) GIN*10(CDI*10(INP*5))))) CNT"
        }
        // In D.96A a quantity has its movement, in D.01B a movement its quantity.
        ("INVRPT", false) => {
            "BGM! DTM!*10 RFF*10(DTM) NAD*20(LOC*5 RFF*10(DTM) CTA*10(COM*5)) CUX*5(DTM)
             CPS*9999(PAC*999(PCI*1000 QTY*9999(GIN*9999 DTM*5)))
             LIN*9999(PIA*10 IMD*10 MEA*10 ALI*10 LOC*5 DTM*5 RFF*10(DTM)
               QTY*9999(INV GIN*9999 LOC*5 DTM*5 STS*9 NAD*5(LOC) PRI*5(CUX DTM) RFF*10(DTM)
                 CPS*9999(PAC*9999(MEA*10 QTY*10 PCI*9999(RFF DTM*5 GIN*9999)))))"
        }
        ("INVRPT", true) => {
            "BGM! FTX*99 DTM!*10 RFF*10(DTM) NAD*20(LOC*5 RFF*99(DTM) CTA*10(COM*5)) CUX*5(DTM)
             CPS*9999(PAC*999(PCI*1000 QTY*9999(GIN*9999 DTM*5)))
             LIN*9999999(PIA*10 IMD*10 NAD MEA*10 ALI*10 LOC*5 DTM*5 FTX*99 RFF*10(DTM)
               INV*9999(QTY! GIN*9999 LOC*5 DTM*5 STS*9 NAD*5(LOC) PRI*5(CUX DTM) RFF*10(DTM)
                 CPS*9999(PAC*9999(MEA*10 QTY*10 PCI*9999(RFF DTM*5 GIN*9999 GIR*99(DTM*5))))))"
        }
        ("INSDES", _) => {
            "BGM! DTM!*9 INP*99 FTX*9 RFF*9(DTM*9) NAD*9(LOC*9 RFF*9(DTM*9) CTA*9(COM*9)) TOD*9(LOC*9 FTX*9)
             TDT*9(PCD LOC*9(DTM*9)) EQD*9(MEA*9 EQA*9 HAN*9(FTX*9))
             LIN*9999(PIA*9 IMD*99 QTY*9 GIN*99 INP*99 DTM*9 FTX*9 MOA*99 ALI*99 RFF*9(DTM) NAD*99(QTY DTM LOC*99)
               PCI*9999(GIN*9) DGS*99(FTX*9 CTA*9(COM*9))) UNS! MOA*99 CNT*9"
        }
        _ => return None,
    })
}

/// Segments of which the product reads nothing.
const OPEN: &str =
    "ALC ALI CDI COD COM CTA CUX DGS DLM DOC EQA EQD FTX GEI GIR HAN IMD INP MEA MOA PCD PRI SEL SGP STS TMD TOD";

/// Whether a segment's id is one that a message may have.
pub(super) fn exists(tag: &str) -> bool {
    elements(tag).is_some()
}

pub(super) fn elements(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "BGM" => {
            "(1001:AN1-3/1131:AN1-17/3055:AN1-3/1000:AN1-35) (1004:AN1-35/1056:AN1-9/1060:AN1-6) 1225:AN1-3 4343:AN1-3"
        }
        "CNT" => "m(m6069:AN1-3/m6066:R1-18/6411:AN1-8)",
        "CPS" => "m7164:AN1-35 7166:AN1-35 7075:AN1-3",
        "DTM" => "m(m2005:AN1-3/2380:AN1-35/2379:AN1-3)",
        "GIN" => {
            "m7405:AN1-3 m(m7402:AN1-35/7402:AN1-35) (7402:AN1-35/7402:AN1-35) (7402:AN1-35/7402:AN1-35) \
             (7402:AN1-35/7402:AN1-35) (7402:AN1-35/7402:AN1-35)"
        }
        "INV" => {
            "4501:AN1-3 7491:AN1-3 4499:AN1-3 4503:AN1-3 (4403:AN1-3/4401:AN1-3/1131:AN1-17/3055:AN1-3/4400:AN1-35)"
        }
        "LIN" => {
            "1082:AN1-6 1229:AN1-3 (7140:AN1-35/7143:AN1-3/1131:AN1-17/3055:AN1-3) (5495:AN1-3/1082:AN1-6) 1222:N1-2 7083:AN1-3"
        }
        "LOC" => "m3227:AN1-3 (3225:AN1-35/1131:AN1-17/3055:AN1-3/3224:AN1-256) .. ",
        "NAD" => {
            "m3035:AN1-3 (m3039:AN1-35/1131:AN1-17/3055:AN1-3) (m3124:AN1-35/3124:AN1-35/3124:AN1-35/3124:AN1-35/3124:AN1-35) \
             (m3036:AN1-35/3036:AN1-35/3036:AN1-35/3036:AN1-35/3036:AN1-35/3045:AN1-3) \
             (m3042:AN1-35/3042:AN1-35/3042:AN1-35/3042:AN1-35) 3164:AN1-35 ANY 3251:AN1-17 3207:AN1-3"
        }
        "PAC" => "7224:R1-8 (7075:AN1-3/7233:AN1-3/7073:AN1-3) (7065:AN1-17/1131:AN1-17/3055:AN1-3/7064:AN1-35) ..",
        "PCI" => "4233:AN1-3 ANY ..",
        "PIA" => {
            "m4347:AN1-3 m(7140:AN1-35/7143:AN1-3/1131:AN1-17/3055:AN1-3) (7140:AN1-35/7143:AN1-3/1131:AN1-17/3055:AN1-3) \
             (7140:AN1-35/7143:AN1-3/1131:AN1-17/3055:AN1-3) (7140:AN1-35/7143:AN1-3/1131:AN1-17/3055:AN1-3) \
             (7140:AN1-35/7143:AN1-3/1131:AN1-17/3055:AN1-3)"
        }
        "QTY" => "m(m6063:AN1-3/m6060:R1-35/6411:AN1-8)",
        "QVR" => "(6064:R1-15/6063:AN1-3) 4221:AN1-3 (4295:AN1-3/1131:AN1-17/3055:AN1-3/4294:AN1-35)",
        "RFF" => "m(m1153:AN1-3/1154:AN1-70/1156:AN1-6/4000:AN1-35/1060:AN1-6)",
        "TDT" => {
            "m8051:AN1-3 8028:AN1-17 (8067:AN1-3/8066:AN1-17) (8179:AN1-8/8178:AN1-17) \
             (3127:AN1-17/1131:AN1-17/3055:AN1-3/3128:AN1-35) .."
        }
        "UCD" => "m0085:AN1-3 m(m0098:N1-3/0104:N1-3/0136:N1-6)",
        "UCI" => {
            "m0020:AN1-14 m(m0004:AN1-35/0007:AN1-4/0008:AN1-35/0042:AN1-35) \
             m(m0010:AN1-35/0007:AN1-4/0014:AN1-35/0046:AN1-35) m0083:AN1-3 0085:AN1-3 0013:AN1-3 (0098:N1-3/0104:N1-3) .."
        }
        "UCM" => {
            "m0062:AN1-14 m(m0065:AN1-6/m0052:AN1-3/m0054:AN1-3/m0051:AN1-3/0057:AN1-6) m0083:AN1-3 0085:AN1-3 0013:AN1-3 \
             (0098:N1-3/0104:N1-3) .."
        }
        "UCS" => "m0096:N1-6 0085:AN1-3",
        "UNS" => "m0081:AN1",
        other => return OPEN.split_ascii_whitespace().any(|open| open == other).then_some(".."),
    })
}
