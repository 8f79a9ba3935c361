<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|MapTips">
  <renderer-v2 type="graduatedSymbol" attr="prob_mean" graduatedMethod="GraduatedColor" symbollevels="0" forceraster="0" enableorderby="1">
    <ranges>
      <range symbol="0" lower="0" upper="0.5" label="below 0.5" render="true"/>
      <range symbol="1" lower="0.5" upper="0.6" label="0.5 – 0.6" render="true"/>
      <range symbol="2" lower="0.6" upper="0.7" label="0.6 – 0.7" render="true"/>
      <range symbol="3" lower="0.7" upper="0.8" label="0.7 – 0.8" render="true"/>
      <range symbol="4" lower="0.8" upper="1" label="0.8 – 1" render="true"/>
    </ranges>
    <symbols>
    <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,246,0,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,246,0,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="1" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,190,0,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,190,0,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="2" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,122,0,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,122,0,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="3" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,36,60,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,36,60,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="4" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,0,190,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,0,190,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    </symbols>
    <source-symbol>
    <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,122,0,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,122,0,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    </source-symbol>
    <colorramp name="[source]" type="gradient">
      <prop k="color1" v="255,246,0,255"/>
      <prop k="color2" v="255,0,190,255"/>
      <prop k="discrete" v="0"/>
      <prop k="rampType" v="gradient"/>
      <prop k="stops" v="0.25;255,190,0,255:0.5;255,122,0,255:0.75;255,36,60,255"/>
    </colorramp>
    <orderby>
      <orderByClause asc="1" nullsFirst="1">"prob_mean"</orderByClause>
    </orderby>
  </renderer-v2>
  <mapTip>&lt;b>Landslide [% "id" %]&lt;/b>&lt;br>
[% format_number("area_m2", 0) %] m², mean probability [% format_number("prob_mean", 2) %]
[% if("cut", '&lt;br>cut by the border of the analysed area', '') %]</mapTip>
</qgis>
