<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
  <renderer-v2 type="singleSymbol" symbollevels="0" forceraster="0" enableorderby="0">
    <symbols>
    <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,110"/>
        <prop k="line_width" v="0.6"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="120,200,255,255"/>
        <prop k="line_width" v="0.3"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
        <prop k="use_custom_dash" v="1"/>
        <prop k="customdash" v="1.5;2"/>
        <prop k="customdash_unit" v="MM"/>
      </layer>
    </symbol>
    </symbols>
  </renderer-v2>
</qgis>
